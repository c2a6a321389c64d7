auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
}
env_template "A" {
  contents = "x"
  change_exec = "web"
}
exec "web" {
  command = ["app"]
}
exec "api" {
  command = ["app"]
}
