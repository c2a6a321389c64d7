auto_auth {
  method "token_file" {
    config = {
    }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
