auto_auth {
  method "token_file" {
    config = { token_file_path = "/t" }
  }
  sink "file" {
    aad = "x"
    config = { path = "/run/token" }
  }
}
