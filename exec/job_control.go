// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Job control. When Ctrl-Z suspends the child, the shell that started certagent does
// not notice, because it waits for certagent. So certagent suspends itself as well, and
// resumes the child when the shell resumes certagent.

// followStop reacts to a signal that has suspended the process, which must not have
// been reaped.
func (p *osProcess) followStop(by syscall.Signal) {
	switch {
	case p.tty.ours() && (by == syscall.SIGTTIN || by == syscall.SIGTTOU):
		// It needs the terminal, which this process has: fg has put this process into
		// the foreground while the child was running in the background.
	case underJobControl():
		suspend()
	case p.tty != nil && by == syscall.SIGTSTP:
		// No process could resume it, as in a container whose terminal has no shell:
		// undo Ctrl-Z.
	default:
		return // another process suspended it on purpose
	}
	if p.tty.ours() {
		p.tty.give(p.PID())
	}
	_ = p.Signal(group, syscall.SIGCONT)
}

// Suspend suspends this process as an uncaught SIGTSTP does, provided that a shell can
// resume it. It is for a program without a child that takes part in job control
// (ChildConfig.Terminal): otherwise it is enough to send that child SIGTSTP.
func Suspend() {
	if underJobControl() {
		suspend()
	}
}

// suspendTimeout is how long it may take until this process is suspended.
const suspendTimeout = time.Second

// suspend suspends the process group of this process, as the terminal would have done
// if the group were in the foreground. It returns when the group is resumed.
func suspend() {
	resumed := make(chan os.Signal, 1)
	signal.Notify(resumed, syscall.SIGCONT)
	defer signal.Stop(resumed)
	if err := syscall.Kill(0, syscall.SIGSTOP); err != nil {
		return
	}
	select {
	case <-resumed:
	case <-time.After(suspendTimeout): // not suspended, so no SIGCONT follows
	}
}

// underJobControl reports whether a shell can resume this process: whether an ancestor
// in the same session is in another process group (in the words of POSIX, whether the
// process group is not orphaned). Without such a shell a suspension would last for ever.
func underJobControl() bool {
	self, err := readStat(os.Getpid())
	if err != nil || self.tty == 0 {
		return false
	}
	for pid := self.parent; pid > 0; {
		ancestor, err := readStat(pid)
		if err != nil || ancestor.session != self.session {
			return false
		}
		if ancestor.group != self.group {
			return true
		}
		pid = ancestor.parent
	}
	return false
}
