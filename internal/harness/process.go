// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package harness

import (
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// outputGrace is how long other processes may hold the output of one that has
// ended before the test goes on without them.
const outputGrace = 5 * time.Second

// Process is a program that runs, with what it prints. It ends with the test.
type Process struct {
	*Transcript
	Cmd   *exec.Cmd
	group bool // what it leaves of its process group is killed
	ended chan struct{}
}

// Start starts a program, which is killed if the test binary ends before it.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	return start(t, cmd, syscall.SIGKILL, false)
}

// StartGroup starts a program as the leader of a process group. What it leaves of
// the group is killed when it ends. If the test binary ends before it, it gets
// SIGTERM, so that it ends its own children.
func StartGroup(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	return start(t, cmd, syscall.SIGTERM, true)
}

func start(t testing.TB, cmd *exec.Cmd, deathSignal syscall.Signal, group bool) *Process {
	t.Helper()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Pdeathsig = deathSignal
	if group {
		cmd.SysProcAttr.Setpgid = true
	}
	p := &Process{Transcript: NewTranscript(t), Cmd: cmd, group: group, ended: make(chan struct{})}
	if err := p.start(nothing); err != nil {
		t.Fatalf("starting %s: %v", cmd.Args[0], err)
	}
	return p
}

func nothing() error { return nil }

// StartOn starts a program on a thread of its own that prepare has changed, such
// as by entering a namespace. The program must take care that it dies with the
// thread.
func StartOn(t testing.TB, cmd *exec.Cmd, prepare func() error) (*Process, error) {
	t.Helper()
	p := &Process{Transcript: NewTranscript(t), Cmd: cmd, ended: make(chan struct{})}
	return p, p.start(prepare)
}

func (p *Process) start(prepare func() error) error {
	defaultSignals() // for tests whose TestMain does not
	t, cmd := p.t, p.Cmd
	if cmd.Stdout == nil && cmd.Stderr == nil {
		cmd.Stdout, cmd.Stderr = p.Transcript, p.Transcript
	}
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = outputGrace
	}
	started := make(chan error)
	go p.run(prepare, started)
	if err := <-started; err != nil {
		<-p.ended
		return err
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended if the test went well
		<-p.ended
		said := p.String()
		switch {
		case t.Failed() && said != "":
			t.Logf("%q printed:\n%s", cmd.Args, said)
		case strings.Contains(said, "DATA RACE") || strings.Contains(said, "goroutine 1 ["):
			t.Errorf("%q printed:\n%s", cmd.Args, said)
		}
	})
	return nil
}

// run starts the program and waits for its end. The thread is never unlocked: the
// program dies when the thread ends, which it does with this goroutine.
func (p *Process) run(prepare func() error, started chan<- error) {
	defer close(p.ended)
	runtime.LockOSThread()
	err := prepare()
	if err == nil {
		err = p.Cmd.Start()
	}
	started <- err
	if err != nil {
		return
	}
	_ = p.Cmd.Wait() // how it ended is in its state
	if p.group {
		_ = syscall.Kill(-p.PID(), syscall.SIGKILL) // there may be nothing left
	}
}

// PID returns the number of the process.
func (p *Process) PID() int { return p.Cmd.Process.Pid }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// State returns how the process has ended.
func (p *Process) State() *os.ProcessState { return p.Cmd.ProcessState }

// Running reports whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Alive ends the test unless the process runs.
func (p *Process) Alive() {
	p.t.Helper()
	if !p.Running() {
		p.t.Fatalf("%s has ended: %v", p.Cmd.Args[0], p.State())
	}
}

// Says waits until the process has printed a match of the pattern. The test ends
// when the process ends without it.
func (p *Process) Says(pattern string) {
	p.t.Helper()
	p.SaysTimes(pattern, 1)
}

// SaysTimes waits until the process has printed n matches of the pattern.
func (p *Process) SaysTimes(pattern string, n int) {
	p.t.Helper()
	expression := regexp.MustCompile(pattern)
	Eventually(p.t, p.Cmd.Args[0]+" says "+pattern, func() bool {
		running := p.Running() // first: it may print and end
		said := p.matches(expression, n) >= n
		if !said && !running {
			p.t.Fatalf("%v, before it said %s", p.State(), pattern)
		}
		return said
	})
}

// Signal sends the process a signal.
func (p *Process) Signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.Cmd.Process.Signal(sig); err != nil {
		p.t.Fatalf("sending %v: %v", sig, err)
	}
}

// Ends waits until the process has ended. The test fails if its exit code is
// another one.
func (p *Process) Ends(code int) {
	p.t.Helper()
	Eventually(p.t, p.Cmd.Args[0]+" ends", func() bool { return !p.Running() })
	if got := p.State().ExitCode(); got != code {
		p.t.Errorf("%s: %v, want exit code %d", p.Cmd.Args[0], p.State(), code)
	}
}
