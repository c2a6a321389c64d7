auto_auth {
  method "token_file" {
    config = { token_file_path = "/t" }
  }
  sink "s3" {
    config = { path = "/run/token" }
  }
}
