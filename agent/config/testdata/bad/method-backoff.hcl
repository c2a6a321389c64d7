auto_auth {
  method "token_file" {
    min_backoff = "10m"
    config = {
      token_file_path = "/t"
    }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
