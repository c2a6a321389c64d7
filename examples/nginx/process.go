// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// stopTimeout is how long a process gets to end when it is asked to.
const stopTimeout = 10 * time.Second

// process is a process in a process group of its own, so that Ctrl-C reaches
// the demonstration alone, which then ends all in order.
type process struct {
	name  string
	cmd   *exec.Cmd
	log   string        // the file that has what it printed
	ended chan struct{} // closed when it has ended
}

// startProcess starts a program in a directory; what it prints is appended to
// the log.
func startProcess(name, dir, log string, program string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the process has its own
	p := &process{name: name, log: log, ended: make(chan struct{}), cmd: exec.Command(program, args...)}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env = dir, out, out, environ()
	// If the demonstration is killed, nothing else ends the process.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // how it ended is in p.cmd.ProcessState
		p.killGroup()    // what it left behind
	}()
	return p, nil
}

// environ is our environment without what is meant for another Vault.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "VAULT_") })
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop asks the process to end and waits until it has; one that does not listen
// is killed. It does nothing if the process has ended already.
func (p *process) stop(sig syscall.Signal) error {
	_ = p.cmd.Process.Signal(sig) // fails only if it has ended
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopTimeout):
		p.kill()
		return fmt.Errorf("%s did not end when asked to and was killed", p.name)
	}
}

// kill ends the process and its children at once. It must not have ended.
func (p *process) kill() {
	p.killGroup()
	<-p.ended
}

// killGroup must not be called later than at the end of the process: afterwards
// its number may be somebody else's.
func (p *process) killGroup() {
	_ = syscall.Kill(-p.pid(), syscall.SIGKILL) // there may be nobody left
}

// failure says that the process has ended although nobody asked it to.
func (p *process) failure() error {
	const lines = 10
	text, _ := os.ReadFile(p.log) // without it, the state alone has to do
	tail := strings.Split(strings.TrimSpace(string(text)), "\n")
	tail = tail[max(0, len(tail)-lines):]
	return fmt.Errorf("%s ended: %v; it printed:\n%s", p.name, p.cmd.ProcessState, strings.Join(tail, "\n"))
}
