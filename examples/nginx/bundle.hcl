# nginx's files as one bundle: published by one rename, tested by nginx before the
# reload, and verified after it. The private key is generated on this host and never
# leaves it: Vault signs a CSR.

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

  # Renew after some five seconds, which leaves time to break and repair nginx.conf.
  # The default is two thirds of the lifetime.
  renew_before = "55s"

  # For the demonstration's directory; elsewhere: nginx -t.
  check { command = ["nginx", "-p", ".", "-c", "nginx.conf", "-t", "-q"] }

  change_mode   = "signal"
  change_signal = "SIGHUP"
  pid_file      = "nginx.pid"

  verify {
    address     = "127.0.0.1:8443"
    server_name = "localhost"
  }
}

# The client's certificate and key, in one file. The client reads it for each new
# connection and needs no reload.
bundle "client" {
  directory = "client"

  certificate {
    role        = "pki/client"
    common_name = "client"
    ttl         = "60s"
    files       = { combined = "client.pem" }
  }

  change_mode  = "noop"
  renew_before = "55s"
}
