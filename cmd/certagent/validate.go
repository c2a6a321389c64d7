// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/agent/bundle"
)

// runValidate implements "certagent validate".
func runValidate(args []string, s streams) int {
	var c configFlags
	flags := flag.NewFlagSet("validate", flag.ContinueOnError)
	c.register(flags)
	host := false
	flags.BoolVar(&host, "host", false, "")
	if code, ok := parse(flags, args, s, usageValidate); !ok {
		return code
	}
	if len(c.paths) == 0 {
		complain(s.err, "no configuration given", "name a file or a directory: certagent validate -config=PATH")
		return exitUsage
	}
	cfg, problems := c.load()
	if len(problems) > 0 {
		fmt.Fprintln(s.err, printableLines(problems.Error()))
	}
	if cfg == nil {
		complain(s.err, count(len(problems.Errors()), "error")+" in the configuration", "")
		return exitConfig
	}
	summary, found := bundle.Check(cfg)
	if host {
		found = append(found, agent.CheckHost(cfg)...)
		found = append(found, agent.CheckAddresses(context.Background(), cfg)...)
		summary += bundle.KeyAccess(cfg)
	}
	if len(found) > 0 {
		fmt.Fprintln(s.err, printableLines(found.Error()))
	}
	if errs := found.Errors(); len(errs) > 0 {
		complain(s.err, count(len(errs), "error")+" in the configuration", "")
		return exitConfig
	}
	fmt.Fprintf(lineWriter{s.out}, "valid: %s\n%s", strings.Join(cfg.Files, ", "), summary)
	return exitOK
}
