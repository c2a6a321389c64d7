// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package stage

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// patience is how long an agent's child gets to end what it is doing.
	patience = 3 * time.Second
	// stopTimeout is how long an agent gets to end when its child has been killed.
	stopTimeout = 20 * time.Second
	// drainTimeout is how long output may be held open by somebody who outlived
	// the agent.
	drainTimeout = 5 * time.Second
)

// Process is a certagent that runs. It has a process group of its own, so that
// Ctrl-C reaches the example alone, which then ends all in order.
type Process struct {
	name  string
	log   string // the file that has what the agent logged
	cmd   *exec.Cmd
	ended chan struct{}
	ask   sync.Once
}

// Start starts "certagent agent" with a configuration file of the directory.
// What certagent logs goes to a file in it; what the agent's child and its
// commands print goes to lines, line by line, from one goroutine. It ends with
// the stage.
func (s *Stage) Start(config string, env []string, lines func(string)) (*Process, error) {
	p := &Process{name: "certagent with " + config, log: s.Path(config + ".log"), ended: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own
	p.cmd = exec.Command(s.certagent, "agent", "-config="+config)
	p.cmd.Dir, p.cmd.Env = s.Dir, append(environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &lineWriter{each: lines}, log
	p.cmd.WaitDelay = drainTimeout
	// If the example is killed, nobody else ends the agent.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	s.onClose(p.stop)
	return p, nil
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
	}
}

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Terminate asks the process to end, without waiting. Of several agents whose
// children need each other all are asked before Close waits for one.
func (p *Process) Terminate() { p.ask.Do(p.terminate) }

func (p *Process) terminate() { _ = p.cmd.Process.Signal(syscall.SIGTERM) } // it may have ended already

// stop ends the process. That it is asked a second time means haste: it kills
// its child.
func (p *Process) stop() error {
	p.Terminate()
	if p.endsWithin(patience) {
		return nil
	}
	p.terminate()
	if p.endsWithin(stopTimeout) {
		return nil
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // its child dies with it
	<-p.ended
	return fmt.Errorf("%s did not end when asked to and was killed", p.name)
}

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

// Log returns what the agent has logged.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// environ is our environment without what is meant for another Vault.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "VAULT_") })
}
