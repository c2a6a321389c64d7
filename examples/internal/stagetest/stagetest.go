// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package stagetest is what the tests of the examples share: certagent as it is
// now, an example in a process of its own, and what it left behind.
package stagetest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// timeout is how long anything may take on a machine that is busy.
const timeout = 2 * time.Minute

// asMain is set for a test binary that is to be the example itself.
const asMain = "CERTAGENT_EXAMPLE_MAIN"

// IsMain says whether this process is an example that Start started.
func IsMain() bool { return os.Getenv(asMain) != "" }

// Build builds certagent in a new directory and returns its path.
func Build() (path string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "certagent-under-test-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) } // what is left of it does no harm
	path = filepath.Join(dir, "certagent")
	build := exec.Command("go", "build", "-o", path, "github.com/certagent/certagent/cmd/certagent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		remove()
		return "", nil, fmt.Errorf("building certagent: %w\n%s", err, output)
	}
	return path, remove, nil
}

// Validate checks configuration files with "certagent validate", which must
// have nothing to say against them.
func Validate(t *testing.T, certagent string, configs ...string) {
	t.Helper()
	for _, config := range configs {
		output, err := exec.Command(certagent, "validate", "-config="+config).CombinedOutput()
		if err != nil || !strings.HasPrefix(string(output), "valid: "+config+"\n") {
			t.Errorf("certagent validate says of %s: %v\n%s", config, err, output)
		}
	}
}

// Example is an example that runs in a process group of its own, as in a
// terminal. All that it starts inherits its TMPDIR, by which it is found.
type Example struct {
	t      *testing.T
	cmd    *exec.Cmd
	tmp    string
	output *os.File
}

// Start starts the example: the test binary again, whose TestMain has to look at
// IsMain.
func Start(t *testing.T, args ...string) *Example {
	t.Helper()
	e := &Example{t: t, tmp: t.TempDir(), cmd: exec.Command(os.Args[0], args...)}
	var err error
	if e.output, err = os.Create(filepath.Join(t.TempDir(), "output")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.output.Close() })
	e.cmd.Env = append(os.Environ(), asMain+"=1", "TMPDIR="+e.tmp)
	e.cmd.Stdout, e.cmd.Stderr = e.output, e.output
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if e.cmd.ProcessState == nil {
			e.Signal(syscall.SIGKILL)
			e.Wait()
		}
	})
	return e
}

// Output is what the example has printed.
func (e *Example) Output() string {
	e.t.Helper()
	text, err := os.ReadFile(e.output.Name())
	if err != nil {
		e.t.Fatal(err)
	}
	return string(text)
}

// Signal signals the example's process group, as a terminal does for Ctrl-C.
func (e *Example) Signal(sig syscall.Signal) {
	e.t.Helper()
	if err := syscall.Kill(-e.cmd.Process.Pid, sig); err != nil {
		e.t.Fatal(err)
	}
}

// Wait waits until the example has ended and returns its exit code, -1 if a
// signal ended it.
func (e *Example) Wait() int {
	e.t.Helper()
	_ = e.cmd.Wait() // how it ended is in its state
	return e.cmd.ProcessState.ExitCode()
}

// Eventually waits until the condition holds.
func (e *Example) Eventually(what string, holds func() bool) {
	e.t.Helper()
	if !Eventually(holds) {
		e.t.Fatalf("never: %s; the example printed:\n%s", what, e.Output())
	}
}

// Eventually waits until the condition holds, and returns false if it does not
// in a long time.
func Eventually(holds func() bool) bool {
	for deadline := time.Now().Add(timeout); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// Processes returns the numbers of the processes that the example has started
// and that still run, with their command lines.
func (e *Example) Processes() []string {
	e.t.Helper()
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		e.t.Fatal(err)
	}
	var found []string
	for _, path := range environs {
		environ, err := os.ReadFile(path)
		if err != nil || !slices.Contains(strings.Split(string(environ), "\x00"), "TMPDIR="+e.tmp) {
			continue // it has ended, belongs to somebody else or is not ours
		}
		command, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline")) // its number has to do
		found = append(found, filepath.Base(filepath.Dir(path))+" "+string(bytes.ReplaceAll(command, []byte{0}, []byte(" "))))
	}
	return found
}

// Files returns what the example has left in its TMPDIR.
func (e *Example) Files() []string {
	e.t.Helper()
	entries, err := os.ReadDir(e.tmp)
	if err != nil {
		e.t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
