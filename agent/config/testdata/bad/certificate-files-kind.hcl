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
    files       = { pem = "tls.crt", key = "tls.key" }
  }
}
