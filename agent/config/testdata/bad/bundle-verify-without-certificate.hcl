auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
}
bundle "web" {
  directory = "/etc/tls"
  template {
    contents    = "x"
    destination = "tls.crt"
  }
  verify {
    address = "127.0.0.1:8443"
  }
}
