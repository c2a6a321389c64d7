auto_auth {
  sink "file" {
    config = { path = "/run/token" }
  }
}
