auto_auth {
  method "token_file" {
    config = { token_file_path = "/t" }
  }
  sink "file" {
    dh_type = "rsa"
    dh_path = "/dh"
    config = { path = "/run/token" }
  }
}
