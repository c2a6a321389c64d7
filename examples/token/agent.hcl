# An API token in a file, for a program that reads it there. The address of Vault
# is in VAULT_ADDR.

auto_auth {
  method "token_file" {
    config = { token_file_path = "agent-token" }
  }
}

template {
  contents    = "{{ with secret \"auth/token/create/api-admin\" \"meta=foo=bar\" }}{{ .Auth.ClientToken }}{{ end }}"
  destination = "api-token"
  perms       = "0600"
  command     = ["sh", "-c", "sha256sum api-token >> changes"] # in place of telling the program
}
