// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package stagetest runs an example in its own tests: as a process, which leaves
// nothing behind.
package stagetest

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/certagent/certagent/internal/harness"
)

// asMain is set for a test binary that is to be the example itself.
const asMain = "CERTAGENT_EXAMPLE_MAIN"

// Main runs the tests of an example, or main in a process that Start has started.
func Main(m *testing.M, main func()) {
	if os.Getenv(asMain) != "" {
		main()
	}
	harness.AtOnce(4)
	harness.Main(m)
}

// Validate checks configuration files with "certagent validate", which must
// accept them without a warning.
func Validate(t *testing.T, configs ...string) {
	t.Helper()
	for _, config := range configs {
		output, err := exec.Command(harness.CertagentStatic(t), "validate", "-config="+config).CombinedOutput()
		if err != nil || !strings.HasPrefix(string(output), "valid: "+config+"\n") {
			t.Errorf("certagent validate prints of %s: %v\n%s", config, err, output)
		}
	}
}

// Example is an example that runs in a process group of its own, as in a
// terminal. All that it starts inherits its TMPDIR, by which it is found.
type Example struct {
	*harness.Process
	t   *testing.T
	tmp string
}

// Start starts the example: the test binary again, whose TestMain has to call Main.
func Start(t *testing.T, args ...string) *Example {
	t.Helper()
	tmp, cmd := t.TempDir(), exec.Command(os.Args[0], append(args, "-certagent="+harness.CertagentStatic(t))...)
	cmd.Env = append(os.Environ(), asMain+"=1", "TMPDIR="+tmp)
	// What outlives the example must not end because it cannot print any more.
	cmd.WaitDelay = harness.Patience
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return &Example{harness.Start(t, cmd), t, tmp}
}

// SignalGroup signals the example's process group, as a terminal does for Ctrl-C.
func (e *Example) SignalGroup(sig syscall.Signal) {
	e.t.Helper()
	if err := syscall.Kill(-e.PID(), sig); err != nil {
		e.t.Fatal(err)
	}
}

// Processes returns the numbers of the processes that the example has started
// and that still run, with their command lines.
func (e *Example) Processes() []string {
	e.t.Helper()
	return harness.WithVariable(e.t, "TMPDIR="+e.tmp)
}

// LeavesNothing fails the test if the example has left a process or a file.
func (e *Example) LeavesNothing() {
	e.t.Helper()
	if left := e.Processes(); len(left) > 0 {
		e.t.Errorf("still running: %q", left)
	}
	entries, err := os.ReadDir(e.tmp)
	if err != nil {
		e.t.Fatal(err)
	}
	for _, entry := range entries {
		e.t.Errorf("still there: %s", entry.Name())
	}
}
