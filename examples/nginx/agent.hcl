# Three templates of Vault Agent's: CA, certificate and key from one pki/issue. The
# last three keys of each are certagent's: they reload nginx once for all three
# files.

vault {
  address     = "https://127.0.0.1:8200" # demands client certificates
  ca_cert     = "vault/ca.crt"
  client_cert = "vault/agent.crt"
  client_key  = "vault/agent.key"
}

auto_auth {
  method "approle" {
    min_backoff = "1s"
    config = {
      role_id_file_path                   = "vault/roleid"
      secret_id_file_path                 = "vault/secretid"
      remove_secret_id_file_after_reading = false
    }
  }
}

# A certificate lives for 10 s and is replaced after about 5 s.
template_config {
  lease_renewal_threshold = 0.5
}

template {
  contents      = "{{ with secret \"pki/issue/web\" \"common_name=localhost\" \"ip_sans=127.0.0.1\" \"ttl=10s\" }}{{ .Data.issuing_ca }}{{ end }}"
  destination   = "tls/ca.crt"
  change_mode   = "signal"
  change_signal = "SIGHUP"
  pid_file      = "nginx.pid"
}

template {
  contents      = "{{ with secret \"pki/issue/web\" \"common_name=localhost\" \"ip_sans=127.0.0.1\" \"ttl=10s\" }}{{ .Data.certificate }}{{ end }}"
  destination   = "tls/tls.crt"
  change_mode   = "signal"
  change_signal = "SIGHUP"
  pid_file      = "nginx.pid"
}

template {
  contents      = "{{ with secret \"pki/issue/web\" \"common_name=localhost\" \"ip_sans=127.0.0.1\" \"ttl=10s\" }}{{ .Data.private_key }}{{ end }}"
  destination   = "tls/tls.key"
  perms         = "0600"
  change_mode   = "signal"
  change_signal = "SIGHUP"
  pid_file      = "nginx.pid"
}

# The client's certificate and key, in one file. The client reads it for each new
# connection and needs no reload.
template {
  contents    = <<EOT
{{ with secret "pki/issue/client" "common_name=client" "ttl=10s" }}{{ .Data.certificate }}
{{ .Data.private_key }}
{{ end }}
EOT
  destination = "client/client.pem"
  perms       = "0600"
  change_mode = "noop"
}
