// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Command flask demonstrates two Flask services that call each other over mutual
// TLS, with certificates that are replaced every few seconds. Each service is the
// child of a certagent, which restarts it after each rotation.
//
// Vault is the embedded dev server. Everything runs on loopback addresses in a
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

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

const usage = `Shows two Flask services calling each other with certificates that are replaced
every few seconds, until Ctrl-C.

Usage:
    go run ./examples/flask [flags]

    -certagent=PATH   the certagent to run; default bin/certagent, which is
                      built if it does not exist
    -rotations=N      exit after N restarts of each service
`

// run runs the command and returns its exit code: 1 if anything failed, such as a
// call between the services.
func run(args []string, stdout, stderr io.Writer) int {
	var d demo
	flags := flag.NewFlagSet("flask", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { io.WriteString(stderr, usage) }
	flags.StringVar(&d.certagent, "certagent", "", "")
	flags.IntVar(&d.rotations, "rotations", 0, "")
	if flags.Parse(args) != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	view := newView(stdout)
	d.observe = view.show
	if err := d.run(ctx); err != nil {
		fmt.Fprintf(stderr, "error: %v\n", err)
		return 1
	}
	if view.failed > 0 {
		fmt.Fprintf(stderr, "error: %d calls failed\n", view.failed)
		return 1
	}
	return 0
}
