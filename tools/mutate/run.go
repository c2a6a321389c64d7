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
	tests   []goPackage // whose tests judge the mutants
	limit   time.Duration
	scratch string
}

// judge runs the tests against a mutant.
func (b *bench) judge(ctx context.Context, m mutant) (verdict, error) {
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
	for _, p := range b.tests {
		binary := filepath.Join(dir, "test")
		if output, err := compile(ctx, p, binary, "-overlay="+overlay); err != nil {
			if len(output) == 0 || ctx.Err() != nil {
				return 0, err // go itself failed
			}
			return invalid, nil
		}
		if v, err := run(ctx, p, binary, dir, b.limit); v != survived || err != nil {
			return v, err
		}
	}
	return survived, nil
}

// compile builds the test binary of a package and returns what go printed.
func compile(ctx context.Context, p goPackage, binary string, flags ...string) ([]byte, error) {
	args := append([]string{"test", "-c", "-p=1", "-vet=off", "-o", binary}, flags...)
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

// baseline runs the tests without a change. They have to pass. It returns what
// they cover and sets the time limit of the tests with a change.
func (b *bench) baseline(ctx context.Context, mutated goPackage) (*coverage, error) {
	covered := newCoverage(mutated.ImportPath)
	var longest time.Duration
	for i, p := range b.tests {
		binary := filepath.Join(b.scratch, fmt.Sprintf("baseline%d", i))
		profile := binary + ".out"
		if output, err := compile(ctx, p, binary, "-cover", "-coverpkg="+mutated.ImportPath); err != nil {
			return nil, fmt.Errorf("building the tests of %s: %w\n%s", p.ImportPath, err, output)
		}
		started := time.Now()
		v, err := run(ctx, p, binary, b.scratch, 30*time.Minute, "-test.coverprofile="+profile)
		if err != nil {
			return nil, err
		}
		if v != survived {
			return nil, fmt.Errorf("the tests of %s fail without a change", p.ImportPath)
		}
		longest = max(longest, time.Since(started))
		if err := covered.read(profile); err != nil {
			return nil, err
		}
	}
	if b.limit == 0 {
		b.limit = 10*time.Second + 4*longest
	}
	return covered, nil
}
