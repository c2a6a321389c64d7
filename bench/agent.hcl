vault {
  address = "<<.URL>>"
}

auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = "<<.Dir>>/roleid"
      secret_id_file_path                 = "<<.Dir>>/secretid"
      remove_secret_id_file_after_reading = false
    }
  }
}
