auto_auth {
  method "kubernetes" {
    config = {
      token_path = "/t"
    }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
