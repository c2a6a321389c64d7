auto_auth {
  method "jwt" {
    config = {
      path = "/j"
      role = "r"
      jwt_read_period = 0
    }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
