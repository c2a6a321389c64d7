# certagent beside nginx, as a task of its own. It starts before nginx, runs as long
# as nginx does, and signals nginx by the pid file in the directory that the tasks of
# an allocation share. nginx starts when its files are there.

variable "certagent" {
  default = "/usr/bin/certagent" # on every client
}

variable "nginx" {
  default = "/usr/sbin/nginx"
}

locals {
  # For both tasks.
  agent = <<-EOF
    vault {
      address = "https://vault.example.test:8200"
    }

    auto_auth {
      method "jwt" {
        mount_path = "auth/jwt-nomad"
        config = {
          path                     = "secrets/nomad_certagent.jwt"
          role                     = "certagent"
          remove_jwt_after_reading = false
        }
      }
    }

    bundle "nginx" {
      directory = format("%s/tls", env("NOMAD_ALLOC_DIR"))

      certificate {
        role        = "pki/web"
        common_name = "www.example.test"
        ttl         = "72h"
        files       = { fullchain = "tls.crt", key = "tls.key", ca = "ca.crt" }
      }

      change_mode   = "signal"
      change_signal = "SIGHUP"
      pid_file      = format("%s/nginx.pid", env("NOMAD_ALLOC_DIR"))

      verify {
        address     = format("127.0.0.1:%s", env("NOMAD_PORT_https"))
        server_name = "www.example.test"
      }
    }
  EOF
}

job "web" {
  type = "service"

  group "web" {
    network {
      port "https" {
        static = 8443
      }
    }

    task "certagent" {
      driver = "raw_exec"

      lifecycle {
        hook    = "prestart"
        sidecar = true
      }

      config {
        command = var.certagent
        args    = ["agent", "-config=local/agent.hcl"]
      }

      kill_signal  = "SIGTERM"
      kill_timeout = "10s"

      identity {
        name = "certagent"
        aud  = ["vault.io"]
        file = true
        ttl  = "1h"
      }

      template {
        destination   = "local/agent.hcl"
        change_mode   = "signal"
        change_signal = "SIGHUP"
        data          = local.agent
      }

      resources {
        cpu    = 100
        memory = 64
      }
    }

    # For Nomad, a sidecar has started when its process runs. This task ends when the
    # files are there; Nomad starts the main task after that.
    task "wait" {
      driver = "raw_exec"

      lifecycle {
        hook    = "prestart"
        sidecar = false
      }

      config {
        command = var.certagent
        args    = ["wait", "-config=local/agent.hcl", "-timeout=5m"]
      }

      template {
        destination = "local/agent.hcl"
        data        = local.agent
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }

    task "nginx" {
      driver = "raw_exec"

      config {
        command = var.nginx
        args    = ["-e", "stderr", "-p", "local", "-c", "nginx.conf"]
      }

      kill_signal  = "SIGQUIT" # nginx finishes open requests
      kill_timeout = "25s"

      template {
        destination = "local/nginx.conf"
        data        = <<-EOF
          daemon                  off;
          pid                     {{ env "NOMAD_ALLOC_DIR" }}/nginx.pid;
          error_log               stderr notice;
          worker_shutdown_timeout 15s;

          events {}

          http {
            access_log            off;
            client_body_temp_path body;
            proxy_temp_path       proxy;
            fastcgi_temp_path     fastcgi;
            uwsgi_temp_path       uwsgi;
            scgi_temp_path        scgi;

            server {
              listen {{ env "NOMAD_PORT_https" }} ssl;
              ssl_certificate     {{ env "NOMAD_ALLOC_DIR" }}/tls/tls.crt;
              ssl_certificate_key {{ env "NOMAD_ALLOC_DIR" }}/tls/tls.key;
              location / {
                root www;
              }
            }
          }
        EOF
      }

      resources {
        cpu    = 200
        memory = 128
      }
    }
  }
}
