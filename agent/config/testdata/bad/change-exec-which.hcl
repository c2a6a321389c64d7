auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
  change_mode = "restart"
}
exec "web" {
  command = ["app"]
}
exec "api" {
  command = ["app"]
}
