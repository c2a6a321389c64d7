auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
  sinks = []
}
template {
  contents    = "x"
  destination = "/run/x"
}
