// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stopTimeout is how long an agent may take to end when it is asked to.
const stopTimeout = 20 * time.Second

// process is an agent that runs.
type process struct {
	cmd     *exec.Cmd
	log     string // the path of what it prints
	started time.Time
	ended   chan struct{}
}

// startProcess starts an agent. It is in a group of its own, so that the
// interrupt that ends the bench reaches it through the bench only.
func startProcess(cmd *exec.Cmd, verbose bool) (*process, error) {
	p := &process{cmd: cmd, log: filepath.Join(cmd.Dir, "agent.log"), ended: make(chan struct{})}
	output, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	cmd.Stdout, cmd.Stderr = output, output
	if verbose {
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.started = time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // how it ends is of no interest
	}()
	return p, nil
}

// running returns an error once the process has ended by itself.
func (p *process) running() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%s ended: %s", filepath.Base(p.cmd.Path), p.lastWords())
	default:
		return nil
	}
}

// stop ends the process: politely, and if need be not. It interrupts, because
// that is the one signal that ends consul-template.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		p.kill()
	}
}

// kill ends the process at once.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

func (p *process) cpu() (time.Duration, error) { return cpu(p.cmd.Process.Pid) }

func (p *process) peakMemory() (int64, error) { return peakMemory(p.cmd.Process.Pid) }

// lastWords are the end of what the process printed.
func (p *process) lastWords() string {
	const length = 2000
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-length):])
}
