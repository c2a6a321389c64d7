auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
}
exec { command = ["app"] }
env_template "A" {
  contents = "x"
  destination = "/run/x"
}
