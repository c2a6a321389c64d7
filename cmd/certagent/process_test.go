// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for something that must happen. It is that
// long because machines that run tests are slow at times.
const patience = 60 * time.Second

// raceOptions keeps programs that were built with the race detector from
// waiting a second before they end.
const raceOptions = "atexit_sleep_ms=0"

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// transcript is what a process has printed so far.
type transcript struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// process is a certagent that runs.
type process struct {
	testing.TB
	cmd   *exec.Cmd
	out   *transcript // stdout and stderr
	ended chan struct{}
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
	p := &process{TB: t, cmd: exec.Command(name, args...), out: new(transcript), ended: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + temp, "GORACE=" + raceOptions, marker(dir)}, env...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	// Whatever still holds the output when certagent has ended must not hold up the test.
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the exit code tells
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it has ended if the test went well
		<-p.ended
		if out := p.out.String(); t.Failed() {
			t.Logf("%s %s\n%s", name, strings.Join(args, " "), out)
		} else if strings.Contains(out, "DATA RACE") || strings.Contains(out, "goroutine 1 [") {
			t.Errorf("%s %s\n%s", name, strings.Join(args, " "), out)
		}
	})
	return p
}

// says waits until certagent has printed something that matches the pattern.
func (p *process) says(pattern string) {
	p.Helper()
	p.saysTimes(pattern, 1)
}

// saysTimes waits until certagent has printed n things that match the pattern.
func (p *process) saysTimes(pattern string, n int) {
	p.Helper()
	expression := regexp.MustCompile(pattern)
	eventually(p, "certagent says "+pattern, func() bool {
		return len(expression.FindAllStringIndex(p.out.String(), n)) >= n
	})
}

// count says how often certagent has printed what matches the pattern.
func (p *process) count(pattern string) int {
	return len(regexp.MustCompile(pattern).FindAllStringIndex(p.out.String(), -1))
}

// signal sends certagent a signal.
func (p *process) signal(s syscall.Signal) {
	p.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.Fatalf("sending %s: %v", s, err)
	}
}

// alive fails the test unless certagent runs.
func (p *process) alive() {
	p.Helper()
	select {
	case <-p.ended:
		p.Fatalf("certagent has ended: %v", p.cmd.ProcessState)
	default:
	}
}

// ends waits until certagent ends, and fails the test unless it does so with
// the exit code.
func (p *process) ends(code int) {
	p.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.Fatal("certagent does not end")
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.Errorf("certagent ended with %v, want exit code %d", p.cmd.ProcessState, code)
	}
}

// stop has certagent stop, and fails the test unless it ends with success and
// leaves nothing behind.
func (p *process) stop() {
	p.Helper()
	p.signal(syscall.SIGTERM)
	p.ends(0)
	p.leavesNothing()
}

// leavesNothing fails the test if a process or a temporary file is left.
func (p *process) leavesNothing() {
	p.Helper()
	dir := p.cmd.Dir
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

// descendants returns the command lines of the processes that carry the marker.
func descendants(t testing.TB, dir string) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, process := range all {
		environ, _ := os.ReadFile(filepath.Join(process, "environ")) // it may have ended meanwhile
		if !bytes.Contains(append(environ, 0), []byte(marker(dir)+"\x00")) {
			continue
		}
		if line, err := os.ReadFile(filepath.Join(process, "cmdline")); err == nil && len(line) > 0 {
			found = append(found, strings.ReplaceAll(strings.TrimRight(string(line), "\x00"), "\x00", " "))
		}
	}
	return found
}
