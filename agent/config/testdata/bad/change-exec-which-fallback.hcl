auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
}
bundle "web" {
  directory = "/etc/tls"
  certificate {
    role        = "pki/web"
    common_name = "example.test"
    files       = { cert = "tls.crt", key = "tls.key" }
  }
  change_mode = "restart"
  change_exec = "api"
  verify {
    address = "127.0.0.1:8443"
    fallback { change_mode = "restart" }
  }
}
exec "web" {
  command = ["app"]
}
exec "api" {
  command = ["app"]
}
