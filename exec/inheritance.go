// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"bytes"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A process inherits through exec(2) which signals are blocked on the thread
// that forked it and which ones are ignored, and most programs rely on neither
// being the case: a shell without SIGINT cannot be interrupted, a daemon without
// SIGTERM is killed at each stop. certagent may have got such a legacy itself,
// from nohup, from systemd (IgnoreSIGPIPE) or from a careless parent, and must
// not hand it on. Handlers are no legacy: exec sets them to the default.

// withDefaultSignals calls start, which forks on the calling thread, such that
// the process gets an empty signal mask and the default action for every
// signal. The calling goroutine must be locked to its thread.
func withDefaultSignals(start func() error) error {
	handleIgnored()
	var none, before unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &none, &before); err != nil {
		return os.NewSyscallError("rt_sigprocmask", err)
	}
	// The runtime gives the new process the mask that the thread has just now.
	err := start()
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil) // what could be read can be written
	return err
}

// deaf gets the signals that shall have no effect here. Nobody receives from it.
var deaf = make(chan os.Signal, 1)

// handleIgnored puts a handler in the place of each ignored signal. For this
// program nothing changes: the handler does nothing. There is one exception,
// signals of the terminal, for which a handler is worse than both: a write in
// the background would be tried for ever. They get their default action.
func handleIgnored() {
	for _, sig := range ignoredSignals() {
		if managed(sig) {
			signal.Notify(deaf, sig)
		} else {
			setDefault(sig)
		}
	}
}

// managed tells whether the runtime has handlers for a signal, and would be
// surprised if somebody else changed its action.
func managed(sig syscall.Signal) bool {
	switch sig {
	case syscall.SIGCONT, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
		return false
	}
	return sig < 32 || sig > 34 // those of libraries
}

// setDefault sets a signal's action to the default. That is what an empty
// sigaction means, whatever the order of its fields.
func setDefault(sig syscall.Signal) {
	const setSize = 64 / 8
	var action [128]byte
	_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, setSize, 0, 0)
}

// ignoredSignals are those that this process ignores just now.
func ignoredSignals() []syscall.Signal {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil
	}
	_, rest, _ := bytes.Cut(status, []byte("\nSigIgn:\t"))
	digits, _, _ := bytes.Cut(rest, []byte("\n"))
	set, err := strconv.ParseUint(string(digits), 16, 64)
	if err != nil {
		return nil
	}
	var ignored []syscall.Signal
	for sig := range lastSignal {
		if set&(1<<sig) != 0 {
			ignored = append(ignored, sig+1)
		}
	}
	return ignored
}
