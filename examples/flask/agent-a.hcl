# Service a's certificate, and service a as the agent's child. The address of
# Vault is in VAULT_ADDR.

auto_auth {
  method "approle" {
    min_backoff = "1s"
    config = {
      role_id_file_path                   = "roleid"
      secret_id_file_path                 = "secretid"
      remove_secret_id_file_after_reading = false
    }
  }
}

# A certificate lives for 10 s and is replaced after about 5 s.
template_config {
  lease_renewal_threshold = 0.5
}

# One certificate in three files, and one restart after the last of them.
template {
  contents    = "{{ with secret \"pki/issue/service\" \"common_name=a.example.test\" \"ip_sans=127.0.0.1\" }}{{ .Data.issuing_ca }}{{ end }}"
  destination = "a/ca.crt"
  change_mode = "restart"
}

template {
  contents    = "{{ with secret \"pki/issue/service\" \"common_name=a.example.test\" \"ip_sans=127.0.0.1\" }}{{ .Data.certificate }}{{ end }}"
  destination = "a/tls.crt"
  change_mode = "restart"
}

template {
  contents    = "{{ with secret \"pki/issue/service\" \"common_name=a.example.test\" \"ip_sans=127.0.0.1\" }}{{ .Data.private_key }}{{ end }}"
  destination = "a/tls.key"
  perms       = "0600"
  change_mode = "restart"
}

exec {
  command = ["/usr/bin/python3", "service.py", "a"]
}
