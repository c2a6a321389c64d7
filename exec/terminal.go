// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"errors"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// A terminal has one process group in its foreground: the one that may read
// from it, and that gets what Ctrl-C and its like mean. A child leads a group of
// its own, so it must be put there (tcsetpgrp(3)).

// terminal is our controlling terminal. A nil one is never ours.
type terminal struct{ fd int }

// controllingTerminal returns nil if f is something else.
func controllingTerminal(f *os.File) *terminal {
	if f == nil {
		return nil
	}
	t := &terminal{fd: int(f.Fd())}
	if _, err := t.foreground(); err != nil {
		return nil
	}
	return t
}

func (t *terminal) foreground() (pgrp int, err error) {
	return unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
}

// ours tells whether our process group is in the foreground.
func (t *terminal) ours() bool {
	if t == nil {
		return false
	}
	pgrp, err := t.foreground()
	return err == nil && pgrp == unix.Getpgrp()
}

// give puts a process group into the foreground. If that fails, the terminal or
// the group has gone.
func (t *terminal) give(pgrp int) {
	// Who is not in the foreground gets SIGTTOU for this, unless it is blocked.
	// Ignoring it would do as well, but children inherit that.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var ttou, before unix.Sigset_t
	ttou.Val[0] = 1 << (unix.SIGTTOU - 1)
	if unix.PthreadSigmask(unix.SIG_BLOCK, &ttou, &before) != nil {
		return
	}
	_ = unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, pgrp)
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
}

// takeBack puts our group into the foreground again if a child's is still
// there, or another one that has ended meanwhile. If a shell above us has taken
// the terminal, it is the shell's.
func (t *terminal) takeBack(child int) {
	if t == nil {
		return
	}
	pgrp, err := t.foreground()
	if err != nil || pgrp <= 1 {
		return
	}
	if pgrp == child || errors.Is(syscall.Kill(-pgrp, 0), syscall.ESRCH) {
		t.give(unix.Getpgrp())
	}
}
