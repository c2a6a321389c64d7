vault {
  address = "https://vault.example.test:8200"
}

auto_auth {
  method "approle" {
    config = {
      role_id_file_path   = "roleid"
      secret_id_file_path = "secretid"
    }
  }
  sink "file" {
    config = { path = "/run/certagent/token" }
  }
}

# Vault Agent's template, with Nomad's change_mode.
template {
  source        = "app.conf.tpl"
  destination   = "/etc/app/app.conf"
  change_mode   = "restart"           # noop | signal | restart | command (script is accepted for command)
}

# Files that change together, and what happens then.
bundle "web" {
  directory = "/etc/nginx/tls"        # published by one rename: readers see the old set or the new set

  certificate {
    role        = "pki/example-dot-com"      # mount/role
    common_name = "example.test"
    alt_names   = ["www.example.test"]
    ttl         = "72h"
    key         = { type = "ec", bits = 256 }   # made here; a CSR goes to pki/sign
    files       = { cert = "tls.crt", key = "tls.key", ca = "ca.crt" }
  }

  change_mode   = "signal"
  change_signal = "SIGHUP"
  pid_file      = "/run/nginx.pid"    # without a target: the child of the exec block

  check  { command = ["nginx", "-t"] }
  verify { address = "127.0.0.1:8443", server_name = "example.test" }
}

# Run and supervise a program; start it once every bundle has been published.
exec {
  command = ["nginx", "-g", "daemon off;"]
}
