vault {
  address = "<<.URL>>"
<<- with .CACert>>
  ca_cert = "<<.>>"
<<- end>>
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

template_config {
  lease_renewal_threshold = 0.5
}

template {
  contents    = "{{ with secret \"pki/issue/web\" \"common_name=example.test\" }}{{ .Data.certificate }}{{ end }}"
  destination = "<<.Dir>>/tls/tls.crt"
  command     = ["openssl", "x509", "-in", "<<.Dir>>/tls/tls.crt", "-noout", "-serial", "-enddate"]
}

template {
  contents    = "{{ with secret \"pki/issue/web\" \"common_name=example.test\" }}{{ .Data.private_key }}{{ end }}"
  destination = "<<.Dir>>/tls/tls.key"
}
