auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
  sinks = "file"
}
template {
  contents    = "x"
  destination = "/run/x"
}
