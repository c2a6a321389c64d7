auto_auth {
  method "approle" {
    config = {
      role_id_file_path = 7
    }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
