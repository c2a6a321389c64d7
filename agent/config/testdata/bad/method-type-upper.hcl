auto_auth {
  method {
    type = "CERT"
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
