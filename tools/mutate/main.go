// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Mutate changes a package in many small ways, one at a time, and runs the
// package's tests against each change. A change that no test notices is either
// a missing test or equivalent to the original; the list of equivalent changes
// gives a reason for each.
//
// Usage, in the root of the module:
//
//	mutate [flags] ./agent/plan
//
// It exits with status 1 if a mutant survives that is not in the list, or if the
// list names one that does not exist or is killed.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// goPackage is what go list reports of a package.
type goPackage struct {
	ImportPath, Dir string
	GoFiles         []string
}

// options are the command line.
type options struct {
	directory  string
	tests      []string
	files      *regexp.Regexp
	equivalent string
	workers    int
	limit      time.Duration
	verbose    bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	clean, err := mutate(ctx, parseFlags(), os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	}
	if !clean {
		os.Exit(1)
	}
}

func parseFlags() options {
	var o options
	files := flag.String("files", "", "mutate only the files whose names match the `regexp`")
	tests := flag.String("tests", "", "run the tests of these `packages` too, separated by spaces")
	flag.StringVar(&o.equivalent, "equivalent", "tools/mutate/equivalent.txt", "the `list` of equivalent mutants")
	flag.IntVar(&o.workers, "p", runtime.NumCPU(), "how many mutants are tested at once")
	flag.DurationVar(&o.limit, "limit", 0, "how long the tests may take with a mutant (default 10s and four times their time without it)")
	flag.BoolVar(&o.verbose, "v", false, "print every mutant")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: mutate [flags] ./directory")
		flag.PrintDefaults()
		os.Exit(2)
	}
	o.directory = filepath.Clean(flag.Arg(0))
	o.tests = append([]string{"./" + o.directory}, strings.Fields(*tests)...)
	var err error
	if o.files, err = regexp.Compile(*files); err != nil {
		fmt.Fprintln(os.Stderr, "mutate: -files:", err)
		os.Exit(2)
	}
	return o
}

// mutate reports whether every mutant is killed or known as equivalent.
func mutate(ctx context.Context, o options, out io.Writer) (bool, error) {
	started := time.Now()
	scratch, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(scratch)
	known, err := readEquivalent(o.equivalent)
	if err != nil {
		return false, err
	}
	packages, err := list(ctx, o.tests)
	if err != nil {
		return false, err
	}
	files, err := parsePackage(o.directory, packages[0].GoFiles)
	if err != nil {
		return false, err
	}
	b := &bench{tests: packages, limit: o.limit, scratch: scratch}
	covered, err := b.baseline(ctx, packages[0])
	if err != nil {
		return false, err
	}
	r := newReport(o, out, known)
	if err := judgeAll(ctx, b, covered, mutantsOf(files), r); err != nil {
		return false, err
	}
	return r.finish(time.Since(started)), nil
}

// list asks go for packages, in the order in which they are named.
func list(ctx context.Context, patterns []string) ([]goPackage, error) {
	var all []goPackage
	for _, pattern := range patterns {
		cmd := exec.CommandContext(ctx, "go", "list", "-json=ImportPath,Dir,GoFiles", pattern)
		cmd.Stderr = os.Stderr
		output, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("go list %s: %w", pattern, err)
		}
		var p goPackage
		if err := json.Unmarshal(output, &p); err != nil {
			return nil, fmt.Errorf("go list %s: %w", pattern, err)
		}
		all = append(all, p)
	}
	return all, nil
}
