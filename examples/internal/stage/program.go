// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package stage

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// drainTimeout is how long descendants that outlived the process may hold its output
// open.
const drainTimeout = 5 * time.Second

// Program is what Run starts.
type Program struct {
	Name    string         // for messages
	Command []string       // a program and its arguments
	Env     []string       // in addition to the example's
	Log     string         // the file in the directory that its output is appended to
	Lines   func(string)   // if not nil, gets each line of its stdout instead of Log, from one goroutine
	Stop    syscall.Signal // stops it; 0 is SIGTERM
}

// Run starts a program in the directory. Close stops it.
func (s *Stage) Run(program Program) (*Process, error) {
	p := &Process{name: program.Name, log: s.Path(program.Log), sig: cmp.Or(program.Stop, syscall.SIGTERM), ended: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own
	p.cmd = exec.Command(program.Command[0], program.Command[1:]...)
	p.cmd.Dir, p.cmd.Env = s.Dir, append(environ(), program.Env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if program.Lines != nil {
		p.cmd.Stdout = &lineWriter{each: program.Lines}
	}
	p.cmd.WaitDelay = drainTimeout
	// If the example is killed, the kernel must kill the process.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	s.OnClose(p.Stop)
	return p, nil
}

// environ returns the environment without the variables for another Vault.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "VAULT_") })
}
