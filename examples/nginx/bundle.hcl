# nginx's files as one bundle: published by one rename, looked at by nginx before
# it is told, and proven to be served afterwards. The private key is made here
# and goes nowhere else: Vault signs.

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

bundle "web" {
  directory = "tls"

  certificate {
    role        = "pki/web"
    common_name = "localhost"
    ip_sans     = ["127.0.0.1"]
    ttl         = "60s"
    files       = { fullchain = "tls.crt", key = "tls.key", ca = "ca.crt" }
  }

  # Replaced after some five seconds: there is time to break nginx.conf and to
  # repair it. Without these two lines it is two thirds of the lifetime, and at
  # most ten certificates an hour.
  renew_before        = "55s"
  max_issues_per_hour = 2000

  # In the directory of the demonstration; elsewhere it is nginx -t.
  check { command = ["nginx", "-p", ".", "-c", "nginx.conf", "-t", "-q"] }

  change_mode   = "signal"
  change_signal = "SIGHUP"
  pid_file      = "nginx.pid"

  verify {
    address     = "127.0.0.1:8443"
    server_name = "localhost"
  }
}

# For the client: certificate and key in one file, which it reads at each new
# connection, so that nobody has to be told.
bundle "client" {
  directory = "client"

  certificate {
    role        = "pki/client"
    common_name = "client"
    ttl         = "60s"
    files       = { combined = "client.pem" }
  }

  renew_before        = "55s"
  max_issues_per_hour = 2000
}
