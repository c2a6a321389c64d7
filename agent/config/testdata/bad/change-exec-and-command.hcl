auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
  change_mode = "command"
  change_exec = "web"
  command     = ["true"]
}
exec "web" {
  command = ["app"]
}
exec "api" {
  command = ["app"]
}
