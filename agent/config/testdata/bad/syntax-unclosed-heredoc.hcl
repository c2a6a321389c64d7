pid_file = <<EOF
/run/x
