auto_auth {
  method "approle" {
    config = {
      role_id_file_path   = "roleid"
      secret_id_file_path = "secretid"
    }
  }
}

bundle "web" {
  directory = "/etc/nginx/tls"

  certificate {
    role        = "pki/web"
    common_name = "example.test"
    files       = { fullchain = "tls.crt", key = "tls.key" }
  }

  change_mode   = "signal"
  change_signal = "SIGHUP"
  change_exec   = "nginx"             # which child; needed only if there are several

  check  { command = ["nginx", "-t"] }
  verify {
    address = "127.0.0.1:8443"
    fallback {
      change_mode = "restart"
      change_exec = "nginx"
    }
  }
}

# Every child gets it.
env_template "DATABASE_PASSWORD" {
  contents = "{{ with secret \"kv/data/app\" }}{{ .Data.data.password }}{{ end }}"
}

exec "nginx" {
  command      = ["nginx", "-g", "daemon off;"]
  restart      = "on-failure"         # never | on-failure | always, after 1s, 2s, 4s, … at most 1m
  stop_signal  = "SIGQUIT"            # nginx finishes what it is sending
  kill_timeout = "4s"                 # below what stops certagent itself, such as Nomad's 5s

  restart_on_secret_changes = "never"

  # What nginx gets when certagent gets these; "" is nothing.
  signals = { SIGTERM = "SIGQUIT", SIGINT = "SIGQUIT", SIGUSR2 = "" }
}

exec "app" {
  command           = ["gunicorn", "app:app"]
  restart           = "always"
  restart_delay     = "500ms"
  restart_max_delay = "30s"
  restart_reset     = "5m"            # who has lived for so long begins with restart_delay again
  hup               = "both"          # certagent reads its configuration again, and gunicorn gets SIGHUP, too
}

# Adopt what the children leave behind, also where certagent is not process 1.
subreaper = true
