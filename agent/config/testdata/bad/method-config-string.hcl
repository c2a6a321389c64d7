auto_auth {
  method "cert" {
    config = "x"
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
