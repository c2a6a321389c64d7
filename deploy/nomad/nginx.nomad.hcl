# nginx as certagent's child, in one raw_exec task. Nomad starts and stops
# certagent. certagent starts nginx when its files are there, reloads it after each
# renewal, and stops it gracefully.

variable "certagent" {
  default = "/usr/bin/certagent" # on every client
}

job "web" {
  type = "service"

  group "web" {
    network {
      port "https" {
        static = 8443
      }
    }

    task "nginx" {
      driver = "raw_exec"

      config {
        command = var.certagent
        args    = ["agent", "-config=local/agent.hcl"]
      }

      # Nomad signals certagent only, and kills it after kill_timeout. This must be
      # longer than the exec block's kill_timeout, and at most the clients'
      # max_kill_timeout, 30s by default.
      kill_signal  = "SIGTERM"
      kill_timeout = "25s"

      # secrets/nomad_certagent.jwt, which Nomad renews and certagent reads at each
      # login.
      identity {
        name = "certagent"
        aud  = ["vault.io"]
        file = true
        ttl  = "1h"
      }

      template {
        destination   = "local/agent.hcl"
        change_mode   = "signal"
        change_signal = "SIGHUP" # certagent reloads its configuration
        data          = <<-EOF
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
            directory = "secrets/tls" # in memory; only this task sees it

            certificate {
              role        = "pki/web"
              common_name = "www.example.test"
              ttl         = "72h"
              files       = { fullchain = "tls.crt", key = "tls.key", ca = "ca.crt" }
            }

            change_mode   = "signal" # to nginx
            change_signal = "SIGHUP"

            check {
              command = ["nginx", "-t", "-q", "-e", "stderr", "-p", "local", "-c", "nginx.conf"]
            }
            verify {
              address     = format("127.0.0.1:%s", env("NOMAD_PORT_https"))
              server_name = "www.example.test"
            }
          }

          exec {
            command             = ["nginx", "-e", "stderr", "-p", "local", "-c", "nginx.conf"]
            restart_stop_signal = "SIGQUIT" # nginx finishes open requests
            kill_timeout        = "20s"
          }
        EOF
      }

      template {
        destination = "local/nginx.conf"
        data        = <<-EOF
          daemon                  off;
          pid                     nginx.pid;
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
              ssl_certificate     {{ env "NOMAD_SECRETS_DIR" }}/tls/tls.crt;
              ssl_certificate_key {{ env "NOMAD_SECRETS_DIR" }}/tls/tls.key;
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
