auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
  change_mode = "signal"
  change_exec = "web"
  pid_file    = "/run/p"
}
exec "web" {
  command = ["app"]
}
exec "api" {
  command = ["app"]
}
