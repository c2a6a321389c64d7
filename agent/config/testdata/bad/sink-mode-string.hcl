auto_auth {
  method "token_file" {
    config = { token_file_path = "/t" }
  }
  sink "file" {
    config = { path = "/run/token", mode = "0600" }
  }
}
