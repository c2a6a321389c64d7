auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
}
pid_file = lowercase("X")
