// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Command flask demonstrates two Flask services that call each other over mutual
// TLS, with certificates of a few seconds' life. Each is the child of a
// certagent, which restarts it when its certificate has been replaced.
//
// Vault is the embedded dev server. Everything runs on loopback addresses in a
// temporary directory and is gone at the end.
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

    -certagent=PATH   the certagent to show (bin/certagent; where there is none it is built)
    -rotations=N      end after each service has been restarted N times
`

// run is the command. Its exit code is 1 if anything failed, a call between the
// services included.
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
		fmt.Fprintf(stderr, "error: calls that failed: %d\n", view.failed)
		return 1
	}
	return 0
}
