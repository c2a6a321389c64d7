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

// stopTimeout is the time between SIGINT and SIGKILL.
const stopTimeout = 20 * time.Second

// process is a running agent.
type process struct {
	cmd     *exec.Cmd
	log     string // the path of its output
	started time.Time
	ended   chan struct{}
}

// startProcess starts an agent in its own process group, so that Ctrl-C is sent to
// the bench only.
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
		_ = cmd.Wait() // any exit status is fine
	}()
	return p, nil
}

// running returns an error if the process has exited.
func (p *process) running() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%s ended: %s", filepath.Base(p.cmd.Path), p.logTail())
	default:
		return nil
	}
}

// stop sends SIGINT, and SIGKILL after stopTimeout. SIGINT is the signal that stops
// consul-template.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		p.kill()
	}
}

// kill sends SIGKILL and waits.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

func (p *process) cpu() (time.Duration, error) { return cpu(p.cmd.Process.Pid) }

func (p *process) peakMemory() (int64, error) { return peakMemory(p.cmd.Process.Pid) }

// logTail returns the end of the process's output.
func (p *process) logTail() string {
	const length = 2000
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-length):])
}
