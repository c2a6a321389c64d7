// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package stage

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// patience is how long a process gets to end what it is doing.
	patience = 3 * time.Second
	// stopTimeout is how long it gets when it was asked a second time.
	stopTimeout = 20 * time.Second
)

// Process is a program that runs. It has a process group of its own, so that
// Ctrl-C reaches the example alone, which then ends all in order.
type Process struct {
	name  string
	log   string         // the file that has what it printed
	sig   syscall.Signal // asks it to end
	cmd   *exec.Cmd
	ended chan struct{}
	ask   sync.Once
}

// run starts the process and waits for it, on one thread: Pdeathsig means the
// death of the thread that started it.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer close(p.ended)
	err := p.cmd.Start()
	started <- err
	if err == nil {
		_ = p.cmd.Wait() // how it ended is in p.cmd.ProcessState
		p.killGroup()    // what it left behind
	}
}

// PID returns the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Terminate asks the process to end, without waiting. Of several agents whose
// children need each other all are asked before Close waits for one.
func (p *Process) Terminate() { p.ask.Do(p.terminate) }

func (p *Process) terminate() { _ = p.cmd.Process.Signal(p.sig) } // it may have ended already

// Stop ends the process, unless it has ended already. That it is asked a second
// time means haste: certagent kills its child.
func (p *Process) Stop() error {
	p.Terminate()
	if p.endsWithin(patience) {
		return nil
	}
	p.terminate()
	if p.endsWithin(stopTimeout) {
		return nil
	}
	p.Kill()
	return fmt.Errorf("%s did not end when asked to and was killed", p.name)
}

// Kill ends the process and its group at once; a child of certagent's dies with
// it. It must not have ended.
func (p *Process) Kill() {
	p.killGroup()
	<-p.ended
}

// killGroup must not be called later than at the end of the process: afterwards
// its number may be somebody else's.
func (p *Process) killGroup() { _ = syscall.Kill(-p.PID(), syscall.SIGKILL) } // there may be nobody left

func (p *Process) endsWithin(d time.Duration) bool {
	select {
	case <-p.ended:
		return true
	case <-time.After(d):
		return false
	}
}

// Failure says how the process ended although nobody asked it to.
func (p *Process) Failure() error {
	const last = 10
	text, _ := os.ReadFile(p.log) // without it the state has to do
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	lines = lines[max(0, len(lines)-last):]
	return fmt.Errorf("%s ended: %v; it logged:\n%s", p.name, p.cmd.ProcessState, strings.Join(lines, "\n"))
}

// Log returns what the process has logged.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
