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
	// patience is how long a process may take to stop.
	patience = 3 * time.Second
	// stopTimeout is how long it may take after the second signal.
	stopTimeout = 20 * time.Second
)

// Process is a running program. It has its own process group, so that Ctrl-C reaches
// only the example, which then stops all processes in order.
type Process struct {
	name  string
	log   string         // the file with its output
	sig   syscall.Signal // stops it
	cmd   *exec.Cmd
	ended chan struct{}
	ask   sync.Once
}

// run starts the process and waits for it on one thread, because Pdeathsig refers to
// the thread that started it.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer close(p.ended)
	err := p.cmd.Start()
	started <- err
	if err == nil {
		_ = p.cmd.Wait() // p.cmd.ProcessState has the result
		p.killGroup()    // the processes that it left
	}
}

// PID returns the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended returns a channel that is closed when the process has exited.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Terminate sends the stop signal and does not wait. Agents whose children need each
// other all get the signal before Close waits for one.
func (p *Process) Terminate() { p.ask.Do(p.terminate) }

func (p *Process) terminate() { _ = p.cmd.Process.Signal(p.sig) } // it may have exited already

// Stop stops the process, unless it has exited already. After the second signal,
// certagent kills its child.
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
	return fmt.Errorf("%s did not stop and was killed", p.name)
}

// Kill kills the process and its group; the kernel kills certagent's child with it.
// The process must not have exited.
func (p *Process) Kill() {
	p.killGroup()
	<-p.ended
}

// killGroup kills the process group. It must not be called after the process was
// waited for: its number could belong to another one.
func (p *Process) killGroup() { _ = syscall.Kill(-p.PID(), syscall.SIGKILL) } // the group may be empty

func (p *Process) endsWithin(d time.Duration) bool {
	select {
	case <-p.ended:
		return true
	case <-time.After(d):
		return false
	}
}

// Failure returns an error that describes the unexpected exit of the process.
func (p *Process) Failure() error {
	const last = 10
	text, _ := os.ReadFile(p.log) // without the log, the error has only the state
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	lines = lines[max(0, len(lines)-last):]
	return fmt.Errorf("%s exited: %v; its log:\n%s", p.name, p.cmd.ProcessState, strings.Join(lines, "\n"))
}

// Log returns what the process has logged.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
