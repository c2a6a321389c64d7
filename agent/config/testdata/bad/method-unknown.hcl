auto_auth {
  method "aprole" {
    config = {
      role_id_file_path = "/r"
    }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
