auto_auth {
  method "approle" {
    config = {
      role_id_file_path = "/r"
      secret_id_file_path = "/s"
      secret_id_response_wrapping_path = ""
    }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
