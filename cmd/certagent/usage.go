// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/nearest"
)

const (
	exitOK     = agent.ExitOK
	exitError  = agent.ExitError
	exitUsage  = agent.ExitUsage
	exitConfig = agent.ExitConfig
)

var (
	//go:embed usage.txt
	usage string
	//go:embed usage_agent.txt
	usageAgent string
	//go:embed usage_validate.txt
	usageValidate string
	//go:embed usage_wait.txt
	usageWait string
	//go:embed usage_dev.txt
	usageDev string
	//go:embed usage_version.txt
	usageVersion string
)

// complain prints an error and a hint, each on its line.
func complain(w io.Writer, message, hint string) {
	fmt.Fprintf(w, "certagent: error: %s\n", printableLines(message))
	if hint != "" {
		fmt.Fprintf(w, "certagent: hint: %s\n", printableLines(hint))
	}
}

// flagHint returns the flag that an unknown one is probably meant to be, or where
// the flags are listed.
func flagHint(flags *flag.FlagSet, err error) string {
	if _, given, unknown := strings.Cut(err.Error(), "not defined: -"); unknown {
		var known []string
		flags.VisitAll(func(f *flag.Flag) { known = append(known, f.Name) })
		if name := nearest.Name(given, slices.Values(known), 1+len(given)/4); name != "" {
			return "did you mean -" + name + "?"
		}
	}
	return fmt.Sprintf("certagent %s -h lists the flags", flags.Name())
}

// parse parses flags. If it returns false, the process exits with the code.
func parse(flags *flag.FlagSet, args []string, s streams, usage string) (code int, ok bool) {
	flags.SetOutput(io.Discard) // the error is printed below, once
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		io.WriteString(s.out, usage)
		return exitOK, false
	case err != nil:
		complain(s.err, err.Error(), flagHint(flags, err))
		return exitUsage, false
	case flags.NArg() > 0:
		complain(s.err, fmt.Sprintf("unexpected argument %q", flags.Arg(0)), fmt.Sprintf("certagent %s takes flags only; certagent %[1]s -h lists them", flags.Name()))
		return exitUsage, false
	}
	return 0, true
}
