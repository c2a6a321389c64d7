auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
  sink "file" {
    config = { path = "/etc/app/./password" }
  }
  sink "file" {
    config = { path = "/etc/tls/tls.key" }
  }
}
template {
  contents    = "{{ with secret \"secret/data/app\" }}{{ .Data.data.password }}{{ end }}"
  destination = "/etc/app/password"
}
bundle "web" {
  directory   = "/etc/tls"
  change_mode = "noop"
  certificate {
    role        = "pki/web"
    common_name = "example.test"
    files       = { cert = "tls.crt", key = "tls.key" }
  }
}
