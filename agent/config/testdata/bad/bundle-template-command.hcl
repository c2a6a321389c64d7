auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
}
bundle "web" {
  directory = "/etc/tls"
  template {
    contents    = "x"
    destination = "app.conf"
    command     = ["reload"]
  }
}
