// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// verdict is what the tests say of a mutant.
type verdict int

const (
	killed verdict = iota
	timedOut
	invalid // it does not compile
	survived
	uncovered // no test runs the changed line
)

// bench builds and runs the tests of some packages.
type bench struct {
	tests   []goPackage   // whose tests judge the mutants
	limit   time.Duration // zero: it depends on the tests
	scratch string
}

// judge runs tests against a mutant: those that run the changed text.
func (b *bench) judge(ctx context.Context, m mutant, tests []test) (verdict, error) {
	dir, err := os.MkdirTemp(b.scratch, "mutant")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	changed, overlay := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(changed, []byte(m.text()), 0o600); err != nil {
		return 0, err
	}
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{m.file.path: changed}})
	if err != nil {
		return 0, err
	}
	if err := os.WriteFile(overlay, replace, 0o600); err != nil {
		return 0, err
	}
	for i, p := range b.tests {
		selections := selectTests(tests, i)
		if len(selections) == 0 {
			continue
		}
		binary := filepath.Join(dir, "test")
		if output, err := compile(ctx, p, binary, "-overlay="+overlay); err != nil {
			if len(output) == 0 || ctx.Err() != nil {
				return 0, err // go itself failed
			}
			return invalid, nil
		}
		for _, s := range selections {
			if b.limit > 0 {
				s.limit = b.limit
			}
			if v, err := run(ctx, p, binary, dir, s.limit, "-test.run=^("+strings.Join(s.names, "|")+")$"); v != survived || err != nil {
				return v, err
			}
		}
	}
	return survived, nil
}

// selection is a set of tests that run together.
type selection struct {
	names []string
	limit time.Duration
}

// slow is what makes a test run only if the fast ones notice nothing.
const slow = 200 * time.Millisecond

// selectTests returns the fast tests of a package, then the slow ones.
func selectTests(tests []test, pkg int) []selection {
	var fast, long selection
	for _, t := range tests {
		if t.pkg != pkg {
			continue
		}
		s := &fast
		if t.took > slow {
			s = &long
		}
		s.names = append(s.names, t.name)
		s.limit += 4 * t.took
	}
	var all []selection
	for _, s := range []selection{fast, long} {
		if len(s.names) > 0 {
			s.limit += 10 * time.Second
			all = append(all, s)
		}
	}
	return all
}

// compile builds the test binary of a package and returns what go printed.
func compile(ctx context.Context, p goPackage, binary string, flags ...string) ([]byte, error) {
	// Without inlining and debugging information this takes half the time.
	args := append([]string{"test", "-c", "-p=1", "-vet=off", "-gcflags=-l -dwarf=false", "-ldflags=-s -w", "-o", binary}, flags...)
	return exec.CommandContext(ctx, "go", append(args, p.ImportPath)...).CombinedOutput()
}

// memory is the most address space of a test, in KiB, for a mutant may allocate
// without end.
const memory = 8 << 20

// run executes a test binary in its package's directory. It kills the whole
// process group when the time is up.
func run(ctx context.Context, p goPackage, binary, scratch string, limit time.Duration, flags ...string) (verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	args := append([]string{"-c", "ulimit -v " + strconv.Itoa(memory) + `; exec "$@"`, "sh", binary, "-test.failfast"}, flags...)
	cmd := exec.CommandContext(ctx, "/bin/sh", args...)
	cmd.Dir = p.Dir
	cmd.Env = append(os.Environ(), "TMPDIR="+scratch)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return survived, nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return timedOut, nil
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case errors.As(err, &exit):
		return killed, nil
	}
	return 0, err
}

// baseline runs each test without a change. All must pass. It returns what each of
// them covers.
func (b *bench) baseline(ctx context.Context, mutated goPackage) (*coverage, error) {
	covered := newCoverage(mutated.ImportPath)
	for i, p := range b.tests {
		binary := filepath.Join(b.scratch, fmt.Sprintf("baseline%d", i))
		if output, err := compile(ctx, p, binary, "-cover", "-coverpkg="+mutated.ImportPath); err != nil {
			return nil, fmt.Errorf("building the tests of %s: %w\n%s", p.ImportPath, err, output)
		}
		cmd := exec.CommandContext(ctx, binary, "-test.list=^(Test|Fuzz|Example)")
		cmd.Dir = p.Dir
		names, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("listing the tests of %s: %w", p.ImportPath, err)
		}
		for name := range strings.FieldsSeq(string(names)) {
			if err := b.cover(ctx, covered, binary, test{pkg: i, name: name}); err != nil {
				return nil, err
			}
		}
	}
	return covered, nil
}

// cover runs one test without a change and adds what it covers.
func (b *bench) cover(ctx context.Context, covered *coverage, binary string, t test) error {
	p, profile := b.tests[t.pkg], binary+".out"
	started := time.Now()
	v, err := run(ctx, p, binary, b.scratch, 30*time.Minute, "-test.run=^"+t.name+"$", "-test.coverprofile="+profile)
	if err != nil {
		return err
	}
	if v != survived {
		return fmt.Errorf("%s: %s fails without a change", p.ImportPath, t.name)
	}
	t.took = time.Since(started)
	return covered.read(profile, t)
}
