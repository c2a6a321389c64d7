// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"os"
	"os/signal"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Blocked and ignored signals are inherited through fork(2) and exec(2), but most
// programs expect none: a shell that ignores SIGINT cannot be interrupted, a daemon
// that blocks SIGTERM is killed at each stop. certagent may have inherited such signals
// from nohup, from systemd (IgnoreSIGPIPE) or from another parent, and must not pass
// them on. Handlers are not inherited: exec(2) resets them to the default.

// withDefaultSignals calls start, which forks on the calling thread. The new process
// gets an empty signal mask and the default action for every signal. The calling
// goroutine must be locked to its thread.
func withDefaultSignals(start func() error) error {
	handleIgnored()
	var none, before unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &none, &before); err != nil {
		return os.NewSyscallError("rt_sigprocmask", err)
	}
	// The runtime gives the new process the current mask of the thread.
	err := start()
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil) // it was valid before
	return err
}

// discarded gets the signals that are to have no effect. Nothing receives from it.
var discarded = make(chan os.Signal, 1)

// handleIgnored installs a handler for each ignored signal. For this program nothing
// changes, because the handler does nothing. The exception are the signals of the
// terminal: with a handler a write in the background would be retried for ever. They
// get their default action.
func handleIgnored() {
	for _, sig := range ignoredSignals() {
		if hasRuntimeHandler(sig) {
			signal.Notify(discarded, sig)
		} else {
			setDefault(sig)
		}
	}
}

// hasRuntimeHandler reports whether the Go runtime handles a signal, so that its action
// must be changed through package signal.
func hasRuntimeHandler(sig syscall.Signal) bool {
	switch sig {
	case syscall.SIGCONT, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
		return false
	}
	return sig < 32 || sig > 34 // those of libraries
}

// setDefault sets the action of a signal to the default. An empty sigaction means that,
// whatever the order of its fields.
func setDefault(sig syscall.Signal) {
	const setSize = 64 / 8
	var action [128]byte
	_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, setSize, 0, 0)
}

// ignoredSignals returns the signals that this process ignores now.
func ignoredSignals() []syscall.Signal {
	status, err := readStatusFile("/proc/self/status")
	if err != nil {
		return nil
	}
	set, _ := status.signals("SigIgn")
	var ignored []syscall.Signal
	for sig := range lastSignal {
		if set.has(sig + 1) {
			ignored = append(ignored, sig+1)
		}
	}
	return ignored
}
