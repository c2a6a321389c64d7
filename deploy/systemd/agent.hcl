# /etc/certagent/agent.hcl for certagent.service: a certificate for nginx, which
# has a unit of its own and reads /var/lib/certagent/nginx/tls.crt and tls.key.

vault {
  address = "https://vault.example.test:8200"
  ca_cert = "/etc/certagent/vault-ca.crt"
}

auto_auth {
  method "approle" {
    config = {
      # LoadCredential= of the unit: only this service sees them, and only to read.
      role_id_file_path                   = format("%s/role_id", env("CREDENTIALS_DIRECTORY"))
      secret_id_file_path                 = format("%s/secret_id", env("CREDENTIALS_DIRECTORY"))
      remove_secret_id_file_after_reading = false
    }
  }
}

bundle "nginx" {
  directory = "/var/lib/certagent/nginx"

  certificate {
    role        = "pki/web"
    common_name = "www.example.test"
    ttl         = "72h"
    files       = { fullchain = "tls.crt", key = "tls.key", ca = "ca.crt" }
  }

  # certagent-reload@nginx.path sees the file and has systemd reload nginx. With
  # the polkit rule in its place:
  #   command = ["systemctl", "try-reload-or-restart", "nginx.service"]
  change_mode = "command"
  command     = ["touch", "/run/certagent/reload-nginx"]

  # The proof that nginx was reloaded. Without it, the change is tried again. The
  # first time, when nginx waits for certagent, this is how long certagent waits
  # for nginx.
  verify {
    address     = "127.0.0.1:443"
    server_name = "www.example.test"
    timeout     = "5s"
  }
}
