// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

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

// process is a program that runs, in a process group of its own.
type process struct {
	*testing.T
	cmd   *exec.Cmd
	out   *transcript // stdout and stderr
	ended chan struct{}
}

// start starts a program that dies with the tests.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return startIn(t, cmd, func() error { return nil })
}

// startIn starts a program on a thread that has been prepared. It is for the
// program to see to it that it dies with the thread.
func startIn(t *testing.T, cmd *exec.Cmd, prepare func() error) *process {
	t.Helper()
	p := &process{T: t, cmd: cmd, out: new(transcript), ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.out, p.out
	started := make(chan error)
	go func() {
		defer close(p.ended)
		// Its death is what the process dies with. It is never unlocked: it ends
		// with this goroutine, whatever was made of it.
		runtime.LockOSThread()
		err := prepare()
		if err == nil {
			err = cmd.Start()
		}
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its state
		}
	}()
	err := <-started
	if err == nil {
		t.Cleanup(func() {
			_ = cmd.Process.Kill() // it has ended if the test went well
			<-p.ended
			if said := p.out.String(); t.Failed() && said != "" {
				t.Logf("%q said:\n%s", cmd.Args, said)
			}
		})
		return p
	}
	<-p.ended
	if cmd.SysProcAttr.Cloneflags != 0 && (errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC)) {
		t.Skipf("namespaces cannot be made here: %v", err)
	}
	t.Fatal(err)
	return nil
}

// says waits until the process has printed what matches the pattern.
func (p *process) says(pattern string) {
	p.Helper()
	expression := regexp.MustCompile(pattern)
	eventually(p.T, p.cmd.Args[0]+" says "+pattern, func() bool {
		if p.running() {
			return expression.MatchString(p.out.String())
		}
		if !expression.MatchString(p.out.String()) {
			p.Fatalf("%v, before it said %s\n%s", p.cmd.ProcessState, pattern, p.out)
		}
		return true
	})
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

func (p *process) signal(sig syscall.Signal) {
	p.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.Fatalf("sending %v: %v", sig, err)
	}
}

// ends waits until the process ends, and fails the test unless it does so with
// the exit code.
func (p *process) ends(code int) {
	p.Helper()
	eventually(p.T, p.cmd.Args[0]+" ends", func() bool { return !p.running() })
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.Errorf("%v, want exit code %d\n%s", p.cmd.ProcessState, code, p.out)
	}
}

// inside is where a file of a container is from here.
func (p *process) inside(path string) string {
	return filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "root", path)
}
