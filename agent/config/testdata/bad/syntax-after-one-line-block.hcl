exec { command = ["a"] kill_timeout = "5s" }
template {
  contents = = "x"
}
