// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Command nginx demonstrates certificates that are replaced every few seconds: a
// Vault, an nginx with mutual TLS in front of it, a certagent that replaces
// nginx's certificate every five seconds, and a client that keeps opening new
// connections and counts those that fail.
//
// Vault is the embedded dev server, nginx the installed one; without nginx, a
// small built-in server replaces it. Everything runs on loopback addresses in a
// temporary directory, and is removed at the end.
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

const usage = `Shows nginx with a new certificate every few seconds, until Ctrl-C.

Usage:
    go run ./examples/nginx [flags]

    -form=FORM        certagent's configuration: "bundle" (bundle.hcl) or
                      "templates" (agent.hcl: three of Vault Agent's templates)
    -certagent=PATH   the certagent to run; default bin/certagent, which is
                      built if it does not exist
    -nginx=PATH       the nginx to run; "none" is the built-in server;
                      default: the installed nginx, if there is one
    -listen=ADDRESS   nginx's address; default 127.0.0.1:8443, or another port
                      if that is taken
    -rotations=N      exit after N rotations
    -clients=N        number of clients that open connections; default 1
`

// run runs the command and returns its exit code: 1 if anything failed, such as a
// request of the client.
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
