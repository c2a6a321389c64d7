auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
  sinks {
    sink "file" {
      config = { path = "/run/token-sink" }
    }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
