auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
template {
  contents    = "y"
  destination = "/run/./x"
}
