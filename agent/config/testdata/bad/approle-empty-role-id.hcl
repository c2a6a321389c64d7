auto_auth {
  method "approle" {
    config = {
      role_id_file_path = ""
    }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
