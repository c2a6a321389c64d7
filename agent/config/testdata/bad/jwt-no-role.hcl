auto_auth {
  method "jwt" {
    config = {
      path = "/j"
    }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
