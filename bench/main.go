// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Command bench compares certagent with Vault Agent and consul-template on one
// server and prints tables. BENCHMARKS.md describes the rows.
//
// A missed budget is marked in the table but is no failure, since the machine may
// be slow. A mismatched pair is a failure where certagent rules it out, since that
// does not depend on the machine.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are the flags.
type options struct {
	certagent, vault, consulTemplate string // binaries; "": not measured

	certificates int
	runs         int
	rotations    int
	kills        int
	publishes    int
	settle       time.Duration
	idle         time.Duration
	only         string
	dir          string
	flat         bool
	serve        bool
	verbose      bool
}

// run parses the flags, measures and prints.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.certagent, "certagent", "bin/certagent", "certagent's binary")
	flags.StringVar(&o.vault, "vault", "bin/vault", "Vault's binary; empty leaves Vault Agent out")
	flags.StringVar(&o.consulTemplate, "consul-template", "bin/consul-template", "consul-template's binary; empty leaves it out")
	flags.IntVar(&o.certificates, "n", 1000, "number of certificates for \"many\"")
	flags.IntVar(&o.runs, "runs", 3, "number of starts; the table shows the median")
	flags.IntVar(&o.rotations, "rotations", 20, "number of rotations for \"reader\"")
	flags.IntVar(&o.kills, "kills", 10, "number of kills for \"crash\"")
	flags.IntVar(&o.publishes, "publishes", 1000, "number of publishes for \"publish\"")
	flags.DurationVar(&o.settle, "settle", 3*time.Second, "time between the last file and the measurement of memory and requests")
	flags.DurationVar(&o.idle, "idle", time.Minute, "time over which idle CPU is measured")
	flags.StringVar(&o.only, "only", "", "measure only these, comma-separated: "+strings.Join(measurementNames(), ", "))
	flags.StringVar(&o.dir, "dir", "", "write the files below this directory (default: the temporary directory)")
	flags.BoolVar(&o.flat, "flat", false, "write all certificates to one directory")
	flags.BoolVar(&o.serve, "serve", false, "run as the server; bench starts itself with this flag")
	flags.BoolVar(&o.verbose, "v", false, "show the logs of the agents")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	var err error
	if o.serve {
		err = serve(ctx, stdin, stdout)
	} else {
		err = measure(ctx, o, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintf(stderr, "bench: error: %v\n", err)
		return 1
	}
	return 0
}
