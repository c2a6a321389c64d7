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

# Run and supervise a program; start it once every file has been published.
exec {
  command = ["nginx", "-g", "daemon off;"]
}
