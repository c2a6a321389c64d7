// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	firstRealtime syscall.Signal = 34 // SIGRTMIN as programs know it: libc keeps two for itself
	lastSignal    syscall.Signal = 64 // SIGRTMAX
)

// ParseSignal reads a signal's name, with or without SIG and in any case, such
// as TERM, sigterm, RTMIN+3 or RTMAX-1, or its number.
func ParseSignal(text string) (syscall.Signal, error) {
	name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
	if n, err := strconv.ParseUint(text, 10, 8); err == nil && n > 0 && syscall.Signal(n) <= lastSignal {
		return syscall.Signal(n), nil
	}
	if sig := unix.SignalNum("SIG" + name); sig != 0 {
		return sig, nil
	}
	for base, sig := range map[string]syscall.Signal{"RTMIN": firstRealtime, "RTMAX": lastSignal} {
		offset, ok := strings.CutPrefix(name, base)
		if !ok {
			continue
		}
		if offset == "" {
			return sig, nil
		}
		n, err := strconv.Atoi(offset)
		sig += syscall.Signal(n)
		if err == nil && strings.ContainsAny(offset[:1], "+-") && firstRealtime <= sig && sig <= lastSignal {
			return sig, nil
		}
	}
	return 0, fmt.Errorf("unknown signal %q", text)
}

// SignalName is a signal's name, such as SIGTERM or SIGRTMIN+3.
func SignalName(sig syscall.Signal) string {
	if sig >= firstRealtime && sig <= lastSignal {
		return "SIGRTMIN+" + strconv.Itoa(int(sig-firstRealtime))
	}
	return unix.SignalName(sig)
}

// kept are the signals that are never sent on to a child.
var kept = []syscall.Signal{
	syscall.SIGKILL, syscall.SIGSTOP, // nobody can catch them
	syscall.SIGILL, syscall.SIGTRAP, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGSEGV, syscall.SIGSTKFLT, syscall.SIGSYS, // faults of our own
	syscall.SIGABRT,                  // the runtime's, and systemd's for a watchdog that got no answer
	syscall.SIGPROF,                  // the profiler's
	syscall.SIGURG,                   // the runtime's, to interrupt a goroutine
	syscall.SIGCHLD, syscall.SIGPIPE, // about our own children and files
	// About our own use of the terminal. A handler would be worse than none: the
	// read or write would be tried for ever.
	syscall.SIGTTIN, syscall.SIGTTOU,
	32, 33, 34, // those of libraries, glibc and musl; Go does not catch them
}

// Forwardable returns the signals that may be sent on to a child, for
// [signal.Notify]: all that can be caught but those that tell this process
// about itself. A process that is process 1 gets only signals that it catches.
func Forwardable() []os.Signal {
	var all []os.Signal
	for sig := range lastSignal {
		if forwardable(sig + 1) {
			all = append(all, sig+1)
		}
	}
	return all
}

func forwardable(sig syscall.Signal) bool { return !slices.Contains(kept, sig) }
