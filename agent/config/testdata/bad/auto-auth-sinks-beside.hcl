auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
  sink "file" {
    config = { path = "/run/written" }
  }
  sinks {
    sink "file" {
      config = { path = "/run/not-written" }
    }
  }
}
