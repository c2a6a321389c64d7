auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
exec {
  command = ["app"]
  restart_on_secret_changes = "sometimes"
}
