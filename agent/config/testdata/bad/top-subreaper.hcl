auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
}
subreaper = "yes"
template {
  contents    = "x"
  destination = "/run/x"
}
