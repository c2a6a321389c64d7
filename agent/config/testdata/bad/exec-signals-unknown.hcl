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
  signals = { SIGTREM = "SIGQUIT" }
}
