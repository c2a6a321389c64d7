auto_auth {
  method "approle" {
    config = {
      role_id_file_path = "/r"
      remove_secret_id_file_after_reading = "no"
    }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
