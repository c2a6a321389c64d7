auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
}
bundle "web" {
  directory   = "/etc/tls"
  change_mode = "noop"
  template {
    contents    = "x"
    destination = "x"
    verify {
      address = "127.0.0.1:443"
    }
    check {
      command = ["nginx", "-t"]
    }
  }
}
