auto_auth {
  method "token_file" {
