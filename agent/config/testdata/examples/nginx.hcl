# The three-template form that Vault Agent's users have: one certificate,
# because all three ask for it with the same words.
vault {
  address     = "https://vault.example.test:8200"
  ca_cert     = "/etc/certagent/ca.pem"
  client_cert = "/etc/nginx/tls/tls.crt"
  client_key  = "/etc/nginx/tls/tls.key"
}

auto_auth {
  method "cert" {
    config = { name = "nginx" }
  }
}

template {
  destination   = "/etc/nginx/tls/ca.crt"
  contents      = <<-EOT
    {{ with secret "pki/issue/web" "common_name=example.test" "ttl=72h" }}{{ .Data.issuing_ca }}{{ end }}
    EOT
  change_mode   = "signal"
  change_signal = "SIGHUP"
  pid_file      = "/run/nginx.pid"
}

template {
  destination   = "/etc/nginx/tls/tls.crt"
  contents      = "{{ with secret \"pki/issue/web\" \"common_name=example.test\" \"ttl=72h\" }}{{ .Data.certificate }}{{ end }}"
  change_mode   = "signal"
  pid_file      = "/run/nginx.pid"
}

template {
  destination   = "/etc/nginx/tls/tls.key"
  contents      = "{{ with secret \"pki/issue/web\" \"common_name=example.test\" \"ttl=72h\" }}{{ .Data.private_key }}{{ end }}"
  perms         = 0600
  change_mode   = "signal"
  pid_file      = "/run/nginx.pid"
}
