# One certagent on every client, for programs that run there outside of Nomad. Each
# host has a certificate for its own name in /var/lib/certagent/node.

variable "certagent" {
  default = "/usr/bin/certagent" # on every client
}

job "certagent" {
  type     = "system"
  priority = 80

  group "certagent" {
    task "certagent" {
      driver = "raw_exec"

      config {
        command = var.certagent
        args    = ["agent", "-config=local/agent.hcl"]
      }

      kill_signal  = "SIGTERM"
      kill_timeout = "10s"

      env {
        NODE = "${node.unique.name}"
      }

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

          bundle "node" {
            directory = "/var/lib/certagent/node" # outlives the allocation: the next one issues nothing

            certificate {
              role        = "pki/node"
              common_name = format("%s.node.example.test", env("NODE"))
              ttl         = "72h"
              files       = { fullchain = "node.crt", key = "node.key", ca = "ca.crt" }
            }

            change_mode = "command"
            command     = ["systemctl", "try-reload-or-restart", "haproxy.service"]
          }
        EOF
      }

      # A client that has lost its servers keeps renewing its certificates.
      restart {
        attempts = 10
        interval = "5m"
        delay    = "15s"
        mode     = "delay"
      }

      resources {
        cpu    = 100
        memory = 64
      }
    }

    # Update one host at a time.
    update {
      max_parallel = 1
    }
  }
}
