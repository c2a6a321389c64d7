// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Job control. When Ctrl-Z stops the child, the shell that we were started from
// sees nothing of it: it watches us. So we follow the child, and take it along
// when the shell resumes us.

// wasStopped follows a process that a signal has stopped. It must not have been
// collected.
func (p *osProcess) wasStopped(by syscall.Signal) {
	switch {
	case p.tty.ours() && (by == syscall.SIGTTIN || by == syscall.SIGTTOU):
		// It needs the terminal, which we have: fg has brought us to the
		// foreground while the child was running in the background.
	case underJobControl():
		suspend()
	case p.tty != nil && by == syscall.SIGTSTP:
		// There is nobody who could resume it, as in a container whose
		// terminal has no shell: Ctrl-Z is taken back.
	default:
		return // somebody else has stopped it, and will know why
	}
	if p.tty.ours() {
		p.tty.give(p.PID())
	}
	_ = p.Signal(group, syscall.SIGCONT)
}

// Suspend does what SIGTSTP does to a program that does not catch it: it stops
// us until somebody resumes us, unless there is nobody. Where there is a child that
// takes part in job control (ChildConfig.Terminal) it is enough to send that
// SIGTSTP; this is for when there is none.
func Suspend() {
	if underJobControl() {
		suspend()
	}
}

// suspendTimeout is how long a suspension may take to begin.
const suspendTimeout = time.Second

// suspend stops our whole process group, as the terminal would have done had we
// not given it away, and returns after we were resumed.
func suspend() {
	resumed := make(chan os.Signal, 1)
	signal.Notify(resumed, syscall.SIGCONT)
	defer signal.Stop(resumed)
	if err := syscall.Kill(0, syscall.SIGSTOP); err != nil {
		return
	}
	select {
	case <-resumed: // nothing else wakes up a stopped process
	case <-time.After(suspendTimeout): // we could not be stopped, so nobody will resume us
	}
}

// underJobControl tells whether a shell above us is there to resume us: whether
// an ancestor that shares our terminal is in another group (in the words of
// POSIX: whether our group is not orphaned). Otherwise to be suspended would be
// the end.
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
