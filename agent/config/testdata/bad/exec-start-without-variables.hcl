auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
}
env_template "A" {
  contents = "x"
}
exec {
  command = ["app"]
  start = "immediately"
  restart_on_secret_changes = "never"
}
