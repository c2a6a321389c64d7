// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/certagent/certagent/internal/harness"
)

// raceOptions keeps programs that were built with the race detector from
// waiting a second before they end.
const raceOptions = "atexit_sleep_ms=0"

// process is a certagent that runs.
type process struct {
	testing.TB
	*harness.Process
}

// launch starts certagent. Whatever carries the variable CERTAGENT_TEST=dir in
// its environment afterwards is a descendant of it.
func launch(t testing.TB, dir string, env []string, args ...string) *process {
	t.Helper()
	return launchProgram(t, dir, env, "certagent", args...)
}

// launchProgram starts a program that becomes certagent.
func launchProgram(t testing.TB, dir string, env []string, name string, args ...string) *process {
	t.Helper()
	temp := filepath.Join(dir, "tmp")
	if err := os.MkdirAll(temp, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + temp, "GORACE=" + raceOptions, marker(dir)}, env...)
	return &process{t, harness.Start(t, cmd)}
}

// stop makes certagent stop, and fails the test unless it ends with success and
// leaves nothing behind.
func (p *process) stop() {
	p.Helper()
	p.Signal(syscall.SIGTERM)
	p.Ends(0)
	p.leavesNothing()
}

// leavesNothing fails the test if a process or a temporary file is left.
func (p *process) leavesNothing() {
	p.Helper()
	dir := p.Cmd.Dir
	if left := descendants(p, dir); len(left) > 0 {
		p.Errorf("processes are left: %q", left)
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		name := filepath.Base(path)
		if err == nil && !d.IsDir() && (strings.HasSuffix(name, ".tmp") || filepath.Dir(path) == filepath.Join(dir, "tmp")) {
			p.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.Error(err)
	}
}

func marker(dir string) string { return "CERTAGENT_TEST=" + dir }

// descendants returns the processes that carry the marker.
func descendants(t testing.TB, dir string) []string {
	t.Helper()
	return harness.WithVariable(t, marker(dir))
}
