auto_auth {
  method "cert" {
    config = {
      reload = "true"
    }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
