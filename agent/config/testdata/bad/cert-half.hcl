auto_auth {
  method "cert" {
    config = {
      client_cert = "/c"
    }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
