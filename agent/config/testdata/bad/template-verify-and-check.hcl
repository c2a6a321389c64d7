auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
  command     = ["systemctl", "reload", "nginx"]
  check {
    command = ["nginx", "-t"]
  }
  verify {
    address = "127.0.0.1:443"
  }
}
