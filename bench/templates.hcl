<<range .Certificates>>
template {
  contents    = "{{ with secret \"pki/issue/bench\" \"common_name=<<.CommonName>>\" \"ttl=<<$.TTL>>\" }}{{ .Data.issuing_ca }}\n{{ end }}"
  destination = "<<.CA>>"
<<- with $.Command>>
  command     = "<<.>>"
<<- end>>
}

template {
  contents    = "{{ with secret \"pki/issue/bench\" \"common_name=<<.CommonName>>\" \"ttl=<<$.TTL>>\" }}{{ .Data.certificate }}\n{{ end }}"
  destination = "<<.Cert>>"
<<- with $.Command>>
  command     = "<<.>>"
<<- end>>
}

template {
  contents    = "{{ with secret \"pki/issue/bench\" \"common_name=<<.CommonName>>\" \"ttl=<<$.TTL>>\" }}{{ .Data.private_key }}\n{{ end }}"
  destination = "<<.Key>>"
<<- with $.Command>>
  command     = "<<.>>"
<<- end>>
}
<<end>>
