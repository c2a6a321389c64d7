# /etc/certagent/exec.hcl for certagent-exec.service: nginx as certagent's child.

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

bundle "nginx" {
  directory = "/var/lib/certagent-exec/tls"

  certificate {
    role        = "pki/web"
    common_name = "www.example.test"
    ttl         = "72h"
    files       = { fullchain = "tls.crt", key = "tls.key", ca = "ca.crt" }
  }

  change_mode   = "signal" # to the child, because there is no pid_file
  change_signal = "SIGHUP"

  check {
    command = ["nginx", "-t", "-q", "-c", "/etc/certagent/nginx.conf", "-e", "stderr"]
  }
  verify {
    address     = "127.0.0.1:443"
    server_name = "www.example.test"
  }
}

exec {
  command = ["nginx", "-c", "/etc/certagent/nginx.conf", "-e", "stderr"]
  # nginx drops open requests at SIGTERM, and finishes them at SIGQUIT.
  restart_stop_signal = "SIGQUIT"
  kill_timeout        = "30s"
}
