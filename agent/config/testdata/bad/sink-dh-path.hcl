auto_auth {
  method "token_file" {
    config = { token_file_path = "/t" }
  }
  sink "file" {
    dh_type = "curve25519"
    config = { path = "/run/token" }
  }
}
