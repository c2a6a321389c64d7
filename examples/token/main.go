// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Command token demonstrates an API token in a file: the token lives for 30
// seconds; certagent replaces it in time and runs a command each time. A reader
// keeps reading the token from the file and looks it up in Vault.
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
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

const usage = `Shows an API token in a file being replaced before it expires, until Ctrl-C.

Usage:
    go run ./examples/token [flags]

    -certagent=PATH   the certagent to run; default bin/certagent, which is
                      built if it does not exist
    -rotations=N      exit after N rotations
    -ttl=D            lifetime of a token; default 30s
`

// run runs the command and returns its exit code: 1 if anything failed, such as a
// look-up of the token in the file.
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
