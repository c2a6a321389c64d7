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

// process is a started process that leads its own process group. Tests replace it.
// Between Wait and Reap the process is a zombie, so that the kernel does not reuse its
// number, and its group can be signalled without hitting another process.
type process interface {
	PID() int
	// Signal signals the process alone or its whole group.
	Signal(to target, sig syscall.Signal) error
	// EndedBy reports whether a signal would end the process by its default action.
	EndedBy(sig syscall.Signal) bool
	// Wait blocks until the process has exited. It is called once.
	Wait()
	// GroupHasOthers reports whether other processes of its group are alive.
	GroupHasOthers() bool
	// Left returns the processes that it has left behind outside of its group, once it
	// has exited.
	Left() map[int]stat
	// Reap reaps it and frees its number. It is called once, after Wait.
	Reap() Exit
}

type target int

const (
	leader target = iota
	group
)

// starter starts a process. Pdeathsig is sent when the thread that started the process
// exits, not the program (golang/go#27505). So the calling goroutine must be locked to
// its thread until the process has been reaped. (The kernel clears Pdeathsig for a
// set-user-ID program: prctl(2).)
type starter func(spec) (process, error)

// spec describes a process to start. A nil file stands for the null device.
type spec struct {
	argv                  []string
	env                   []string // nil means Environ(nil)
	stdin, stdout, stderr *os.File
	// followed means that the process takes part in job control: it is put into the
	// foreground of its terminal, and this process is suspended with it.
	followed bool
}

type osProcess struct {
	cmd      *osexec.Cmd
	started  int64 // at the earliest, in ticks since boot
	followed bool
	tty      *terminal // nil unless it is followed and stdin is the controlling terminal
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
	// With files instead of readers and writers no goroutine copies, and Wait does not
	// depend on other processes that inherited the files.
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
	p := &osProcess{cmd: cmd, followed: s.followed, started: ticksNow()}
	if p.followed {
		p.tty = controllingTerminal(s.stdin)
	}
	if p.tty.ours() {
		cmd.SysProcAttr.Foreground, cmd.SysProcAttr.Ctty = true, p.tty.fd
	}
	if err := withDefaultSignals(func() error { return ownChildren.start(cmd) }); err != nil {
		p.tty.takeBack(0) // it may have got the terminal before it failed
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

func (p *osProcess) EndedBy(sig syscall.Signal) bool { return endedBy(p.PID(), sig) }

func (p *osProcess) Wait() {
	options := unix.WEXITED | unix.WNOWAIT
	if p.followed {
		options |= unix.WSTOPPED
	}
	for {
		s, err := waitid(unix.P_PID, p.PID(), options)
		if err != nil || s.code != cldStopped {
			p.awaitDetached()
			return // an error means that there is nothing to wait for; Reap reports it
		}
		// Consume this state change; otherwise waitid returns it again.
		s, err = waitid(unix.P_PID, p.PID(), unix.WSTOPPED|unix.WNOHANG)
		if err == nil && s.pid != 0 {
			p.followStop(syscall.Signal(s.status))
		}
	}
}

func (p *osProcess) GroupHasOthers() bool { return groupHasOthers(p.PID()) }

func (p *osProcess) Reap() Exit {
	p.tty.takeBack(p.PID())
	err := ownChildren.wait(p.cmd)
	if p.cmd.ProcessState == nil {
		return Exit{Code: 1, Err: err}
	}
	return exitOf(p.cmd.ProcessState.Sys().(syscall.WaitStatus))
}
