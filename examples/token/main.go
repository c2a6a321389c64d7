// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Command token demonstrates an API token as a file: a token of 30 seconds' life
// that certagent replaces in time, running a command each time. A reader takes
// the token from the file all the while and has Vault look it up.
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
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

const usage = `Shows an API token in a file being replaced before it expires, until Ctrl-C.

Usage:
    go run ./examples/token [flags]

    -certagent=PATH   the certagent to show (bin/certagent; where there is none it is built)
    -rotations=N      end after N replaced tokens
    -ttl=30s          how long a token lives
`

// run is the command. Its exit code is 1 if anything failed; that the token in
// the file was refused once is a failure.
func run(args []string, stdout, stderr io.Writer) int {
	var d demo
	flags := flag.NewFlagSet("token", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { io.WriteString(stderr, usage) }
	flags.StringVar(&d.certagent, "certagent", "", "")
	flags.IntVar(&d.rotations, "rotations", 0, "")
	ttl := flags.Duration("ttl", 30*time.Second, "")
	if flags.Parse(args) != nil {
		return 2
	}
	d.role = replaced(*ttl)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	view := &view{out: stdout}
	d.observe = view.show
	if err := d.run(ctx); err != nil {
		fmt.Fprintf(stderr, "error: %v\n", err)
		return 1
	}
	return 0
}
