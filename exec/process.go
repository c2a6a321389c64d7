// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"errors"
	"os"
	osexec "os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// process is the seam to the operating system: one started process that leads
// its own process group. Between Wait and Reap it is a zombie, and that is the
// point: as long as nobody has reaped it the kernel gives its number to nobody
// else, so that its group can be signalled without hitting a stranger.
type process interface {
	PID() int
	// Signal signals the process alone or its whole group.
	Signal(to target, sig syscall.Signal) error
	// Wait blocks until the process has ended. It is called once.
	Wait()
	// Company reports whether its group has other processes that are alive.
	Company() bool
	// Reap frees its number. It is called once, after Wait.
	Reap() Exit
}

type target int

const (
	leader target = iota
	group
)

// starter starts a process. Pdeathsig means the death of the thread that
// started it, not of the program (golang/go#27505), so the calling goroutine
// must be locked to its thread, and stay so until the process has been reaped.
// (A set-user-ID program sheds it: prctl(2).)
type starter func(spec) (process, error)

// spec is what starts a process. Files that are nil are the null device.
type spec struct {
	argv                  []string
	env                   []string // nil means Environ(nil)
	stdin, stdout, stderr *os.File
	// followed processes take part in job control: they are given the terminal
	// that stdin is, if it is ours to give, and when one is stopped we are too.
	followed bool
}

type osProcess struct {
	cmd      *osexec.Cmd
	followed bool
	tty      *terminal // nil if it is not followed, or stdin is no terminal
}

func startProcess(s spec) (process, error) {
	if len(s.argv) == 0 {
		return nil, errors.New("no command to start")
	}
	cmd := osexec.Command(s.argv[0], s.argv[1:]...)
	cmd.Env = s.env
	if cmd.Env == nil {
		cmd.Env = Environ(nil)
	}
	// Files, not readers and writers: no goroutine copies, so that a process
	// that inherited one of them cannot hold up the end of this one.
	if s.stdin != nil {
		cmd.Stdin = s.stdin
	}
	if s.stdout != nil {
		cmd.Stdout = s.stdout
	}
	if s.stderr != nil {
		cmd.Stderr = s.stderr
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p := &osProcess{cmd: cmd, followed: s.followed}
	if p.followed {
		p.tty = controllingTerminal(s.stdin)
	}
	if p.tty.ours() {
		cmd.SysProcAttr.Foreground, cmd.SysProcAttr.Ctty = true, p.tty.fd
	}
	if err := withDefaultSignals(func() error { return mine.start(cmd) }); err != nil {
		p.tty.takeBack(0) // it may have come as far as that
		return nil, startError(s.argv[0], err)
	}
	return p, nil
}

func (p *osProcess) PID() int { return p.cmd.Process.Pid }

func (p *osProcess) Signal(to target, sig syscall.Signal) error {
	if to == group {
		return syscall.Kill(-p.PID(), sig)
	}
	return p.cmd.Process.Signal(sig)
}

func (p *osProcess) Wait() {
	options := unix.WEXITED | unix.WNOWAIT
	if p.followed {
		options |= unix.WSTOPPED
	}
	for {
		s, err := waitid(unix.P_PID, p.PID(), options)
		if err != nil || s.code != cldStopped {
			return // an error means that there is nothing to wait for, which Reap reports
		}
		// This takes the news, which would be told again and again.
		s, err = waitid(unix.P_PID, p.PID(), unix.WSTOPPED|unix.WNOHANG)
		if err == nil && s.pid != 0 {
			p.wasStopped(syscall.Signal(s.status))
		}
	}
}

func (p *osProcess) Company() bool { return groupHasOthers(p.PID()) }

func (p *osProcess) Reap() Exit {
	p.tty.takeBack(p.PID())
	err := mine.collect(p.cmd)
	if p.cmd.ProcessState == nil {
		return Exit{Code: 1, Err: err}
	}
	return exitOf(p.cmd.ProcessState.Sys().(syscall.WaitStatus))
}
