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
    key         = { format = "sec1" }
    files       = { pkcs12 = "web.p12" }
    password    = { file = "/p" }
  }
}
