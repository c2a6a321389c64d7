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

// A terminal has one foreground process group. Only that group may read from it, and
// gets the signals of Ctrl-C and the like. A child leads a group of its own, so it has
// to be put into the foreground (tcsetpgrp(3)).

// terminal is the controlling terminal of this process, or nil.
type terminal struct{ fd int }

// controllingTerminal returns nil if f is not the controlling terminal.
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

// ours reports whether the process group of this process is in the foreground.
func (t *terminal) ours() bool {
	if t == nil {
		return false
	}
	pgrp, err := t.foreground()
	return err == nil && pgrp == unix.Getpgrp()
}

// give puts a process group into the foreground. It fails only if the terminal or the
// group does not exist any more.
func (t *terminal) give(pgrp int) {
	// A process in the background gets SIGTTOU for this unless it is blocked. Ignoring
	// it would work as well, but children inherit that.
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

// takeBack puts the group of this process into the foreground again if that of the
// child is there, or one that does not exist any more. If a shell has put itself into
// the foreground, nothing changes.
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
