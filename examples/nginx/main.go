// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Command nginx demonstrates certificates of a few seconds' life: a Vault, an
// nginx with mutual TLS in front of it, certagent that replaces nginx's
// certificate every five seconds, and a client that opens new connections all
// the while and counts those that fail.
//
// Vault is the embedded dev server, nginx the installed one; where there is
// none, a small built-in server takes its place. Everything runs on loopback
// addresses in a temporary directory and is gone at the end.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if isBuiltinServer(os.Args) {
		os.Exit(builtinServer(os.Args))
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

const usage = `Shows nginx serving a fresh certificate every few seconds, until Ctrl-C.

Usage:
    go run ./examples/nginx [flags]

    -form=FORM        how certagent is configured: "bundle" (bundle.hcl) or "templates"
                      (agent.hcl: the three templates of Vault Agent's users)
    -certagent=PATH   the certagent to show (bin/certagent; where there is none it is built)
    -nginx=PATH       the nginx to use; "none" is the built-in server;
                      without it, nginx if it is installed
    -listen=ADDRESS   where nginx listens (127.0.0.1:8443); another port if that is taken
    -rotations=N      end after N replaced certificates
    -clients=N        how many clients open connections without pause (1)
`

// run is the command. Its exit code is 1 if anything failed, a request of the
// client included.
func run(args []string, stdout, stderr io.Writer) int {
	d := demo{out: stdout, startVault: startDevServer, patience: serveTimeout}
	flags := flag.NewFlagSet("nginx", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { io.WriteString(stderr, usage) }
	form := flags.String("form", "bundle", "")
	nginx := flags.String("nginx", "", "")
	flags.StringVar(&d.certagent, "certagent", "", "")
	flags.StringVar(&d.listen, "listen", preferredListen, "")
	flags.IntVar(&d.rotations, "rotations", 0, "")
	flags.IntVar(&d.clients, "clients", 1, "")
	if flags.Parse(args) != nil {
		return 2
	}
	var err error
	if d.form, err = findForm(*form); err == nil {
		d.nginx, err = findNginx(*nginx)
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
		defer stop()
		err = d.run(ctx)
	}
	if err != nil {
		fmt.Fprintf(stderr, "error: %v\n", err)
		return 1
	}
	return 0
}
