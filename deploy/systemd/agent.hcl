# /etc/certagent/agent.hcl for certagent.service: a certificate for nginx, which
# has a unit of its own and reads /var/lib/certagent/nginx/tls.crt and tls.key.

vault {
  address = "https://vault.example.test:8200"
  ca_cert = "/etc/certagent/vault-ca.crt"
}

auto_auth {
  method "approle" {
    config = {
      # From LoadCredential= of the unit: only this service can read them.
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

  # certagent-reload@nginx.path watches this file and reloads nginx. With the
  # polkit rule instead:
  #   command = ["systemctl", "try-reload-or-restart", "nginx.service"]
  change_mode = "command"
  command     = ["touch", "/run/certagent/reload-nginx"]

  # Verifies that nginx was reloaded; if not, certagent runs the change again. At
  # the first start, when nginx waits for certagent, certagent waits this long for
  # nginx.
  verify {
    address     = "127.0.0.1:443"
    server_name = "www.example.test"
    timeout     = "5s"
  }
}
