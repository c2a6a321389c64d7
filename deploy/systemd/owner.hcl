# /etc/certagent/owner.hcl for certagent-owner.service: PostgreSQL's files, which
# belong to postgres from the first byte on. In postgresql.conf:
#   ssl_cert_file = '/var/lib/certagent-owner/postgresql/server.crt'
#   ssl_key_file  = '/var/lib/certagent-owner/postgresql/server.key'

vault {
  address = "https://vault.example.test:8200"
  ca_cert = "/etc/certagent/vault-ca.crt"
}

auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = format("%s/role_id", env("CREDENTIALS_DIRECTORY"))
      secret_id_file_path                 = format("%s/secret_id", env("CREDENTIALS_DIRECTORY"))
      remove_secret_id_file_after_reading = false
    }
  }
}

bundle "postgresql" {
  directory = "/var/lib/certagent-owner/postgresql"
  user      = "postgres"
  group     = "postgres"

  certificate {
    role        = "pki/database"
    common_name = "db.example.test"
    ttl         = "72h"
    files       = { fullchain = "server.crt", key = "server.key", ca = "ca.crt" }
  }

  # Needs certagent-reload@.path with this unit's directory, or the polkit rule.
  change_mode = "command"
  command     = ["touch", "/run/certagent-owner/reload-postgresql"]

  verify {
    address     = "127.0.0.1:5432"
    server_name = "db.example.test"
    starttls    = "postgres"
  }
}
