// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Command bench measures certagent beside Vault Agent and consul-template, all
// on one server, and prints tables; see BENCHMARKS.md for what each row means.
//
// It does not judge budgets: one that is missed is marked in the table, and it is
// for whoever reads it to say whether the machine or the program was slow. It
// fails if a reader finds a pair that does not match where certagent promises that
// none does, for that is true on any machine.
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
	certagent, vault, consulTemplate string // binaries; "" leaves one out

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
	flags.IntVar(&o.certificates, "n", 1000, "how many certificates \"many\" are")
	flags.IntVar(&o.runs, "runs", 3, "how often each start is measured; the median is printed")
	flags.IntVar(&o.rotations, "rotations", 20, "how many rotations the reader watches")
	flags.IntVar(&o.kills, "kills", 10, "how often each agent is killed in the middle of a rotation")
	flags.IntVar(&o.publishes, "publishes", 1000, "how often each publisher publishes while readers read")
	flags.DurationVar(&o.settle, "settle", 3*time.Second, "how long an agent is left alone before its memory and its requests are read")
	flags.DurationVar(&o.idle, "idle", time.Minute, "how long an idle agent's CPU is measured")
	flags.StringVar(&o.only, "only", "", "measure only these, comma-separated: "+strings.Join(measurementNames(), ", "))
	flags.StringVar(&o.dir, "dir", "", "write certificates below this directory, for its file system; the default is the system's temporary directory")
	flags.BoolVar(&o.flat, "flat", false, "write all certificates into one directory instead of each into its own")
	flags.BoolVar(&o.serve, "serve", false, "be the server that the agents are measured with (bench starts itself so)")
	flags.BoolVar(&o.verbose, "v", false, "show what the agents log")
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
