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
    other_sans  = ["1.3.6.1.4.1.311.20.2.3:web"]
  }
}
