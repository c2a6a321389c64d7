auto_auth {
  method "aws" {
    config = {
      role = "r"
    }
  }
}
template {
  contents    = "x"
  destination = "/run/x"
}
