auto_auth {
  method {
    config = { role = "x" }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
