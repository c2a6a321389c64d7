vault {
  address     = "<<.URL>>"
  token       = "<<.Token>>"
  renew_token = false
}
