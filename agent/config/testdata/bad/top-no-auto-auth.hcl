template {
  contents    = "x"
  destination = "/run/x"
}
