# For the image of nginx.Dockerfile.

vault {
  address = env("VAULT_ADDR", "https://vault.example.test:8200")
}

auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = "/run/secrets/role_id"
      secret_id_file_path                 = "/run/secrets/secret_id"
      remove_secret_id_file_after_reading = false # they are mounted read-only
    }
  }
}

bundle "nginx" {
  directory = "/run/certagent/tls" # a tmpfs: no private key on disk

  certificate {
    role        = "pki/web"
    common_name = "www.example.test"
    ttl         = "72h"
    files       = { fullchain = "tls.crt", key = "tls.key", ca = "ca.crt" }
  }

  change_mode   = "signal" # to nginx
  change_signal = "SIGHUP"

  check {
    command = ["nginx", "-t", "-q", "-e", "stderr"]
  }
  verify {
    address     = "127.0.0.1:8443"
    server_name = "www.example.test"
  }
}

exec {
  command             = ["nginx", "-e", "stderr"]
  restart_stop_signal = "SIGQUIT" # nginx finishes open requests
  kill_timeout        = "8s"      # less than the 10 s of docker stop
}
