auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
}
bundle "web" {
  certificate {
    role        = "pki/web"
    common_name = "example.test"
    files       = { cert = "/etc/tls/tls.crt", key = "/etc/tls/tls.key" }
  }
  perms = { directory = "0750" }
}
