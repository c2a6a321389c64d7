pid_file = "C:\dir"
