pid_file = "/run/x
