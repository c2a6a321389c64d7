// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"os"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	firstRealtime syscall.Signal = 34 // SIGRTMIN of programs: libc reserves the two below
	lastSignal    syscall.Signal = 64 // SIGRTMAX
)

// SignalName returns the name of a signal, such as SIGTERM or SIGRTMIN+3.
func SignalName(sig syscall.Signal) string {
	if sig >= firstRealtime && sig <= lastSignal {
		return "SIGRTMIN+" + strconv.Itoa(int(sig-firstRealtime))
	}
	return unix.SignalName(sig)
}

// neverForwarded are the signals that are not forwarded to a child.
var neverForwarded = []syscall.Signal{
	syscall.SIGKILL, syscall.SIGSTOP, // cannot be caught
	syscall.SIGILL, syscall.SIGTRAP, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGSEGV, syscall.SIGSTKFLT, syscall.SIGSYS, // faults of this program
	syscall.SIGABRT,                  // the Go runtime's, and systemd's after a watchdog timeout
	syscall.SIGPROF,                  // the profiler's
	syscall.SIGURG,                   // the Go runtime's, for preemption
	syscall.SIGCHLD, syscall.SIGPIPE, // about this program's children and files
	// About this program's use of the terminal. With a handler, a read or write in the
	// background would be retried for ever.
	syscall.SIGTTIN, syscall.SIGTTOU,
	32, 33, 34, // reserved by glibc and musl; Go does not catch them
}

// Forwardable returns the signals that may be forwarded to a child, for
// [signal.Notify]: all that can be caught, except those that concern this process
// itself. Process 1 gets only signals that it catches.
func Forwardable() []os.Signal {
	var all []os.Signal
	for sig := range lastSignal {
		if forwardable(sig + 1) {
			all = append(all, sig+1)
		}
	}
	return all
}

func forwardable(sig syscall.Signal) bool { return !slices.Contains(neverForwarded, sig) }

// Rewrites maps a signal to the one that the child gets instead; 0 means none. A
// signal that is not in the map is forwarded as it is.
//
// For nginx, TERM and INT are usually mapped to QUIT: TERM and INT abort its current
// responses, and supervisors send these; QUIT is its graceful shutdown.
type Rewrites map[syscall.Signal]syscall.Signal

// Of returns the signal to send to the child for sig, and whether to send one.
func (r Rewrites) Of(sig syscall.Signal) (syscall.Signal, bool) {
	if target, rewritten := r[sig]; rewritten {
		return target, target != 0
	}
	return sig, forwardable(sig)
}
