auto_auth {
  method "token_file" {
    wrap_ttl = "1m"
    config = { token_file_path = "/t" }
  }
  sink "file" {
    config = { path = "/run/token" }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
