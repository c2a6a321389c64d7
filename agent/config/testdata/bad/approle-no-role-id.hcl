auto_auth {
  method "approle" {
    config = {
      secret_id_file_path = "/s"
    }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
