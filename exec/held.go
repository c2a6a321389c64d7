// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A program that has just started has not installed the handlers of its signals yet, and
// a wrapper such as "sh -c" never does. The default action of most signals would end it.

// HeldError is the error for a signal that was not sent because it would have ended the
// process: it neither catches, ignores nor blocks the signal.
type HeldError struct {
	PID    int
	Name   string // that of the program, as ps shows it
	Signal syscall.Signal
}

func newHeldError(pid int, sig syscall.Signal) *HeldError {
	e := &HeldError{PID: pid, Signal: sig}
	if s, err := readStat(pid); err == nil {
		e.Name = s.name
	}
	return e
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("process %d (%s) does not catch %s, which would end it", e.PID, e.Name, SignalName(e.Signal))
}

// sentAnyway are the signals that are sent whatever the target does with them: those
// that are meant to end it, and those that do not end a process by default.
var sentAnyway = []syscall.Signal{
	syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL, syscall.SIGABRT,
	syscall.SIGCHLD, syscall.SIGURG, syscall.SIGWINCH, syscall.SIGCONT,
	syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU,
}

// endedBy reports whether a signal would end a process that is not meant to end. It is
// false if the kernel does not tell.
func endedBy(pid int, sig syscall.Signal) bool {
	if slices.Contains(sentAnyway, sig) {
		return false
	}
	status, err := readStatus(pid)
	if err != nil {
		return false
	}
	caught, ok := status.signals("SigCgt")
	ignored, ok2 := status.signals("SigIgn")
	return ok && ok2 && !caught.has(sig) && !ignored.has(sig) && !blockedByAll(pid, sig)
}

const (
	// A shell blocks every signal while it starts a program. What is blocked at each of
	// several looks stays blocked.
	blockedLooks = 4
	blockedPause = 25 * time.Millisecond
)

// blockedByAll reports whether every thread blocks a signal, as a program does that
// waits for it by sigwait or signalfd. Otherwise the kernel gives it to another thread.
func blockedByAll(pid int, sig syscall.Signal) bool {
	for look := range blockedLooks {
		if look > 0 {
			time.Sleep(blockedPause)
		}
		if !blockedNow(pid, sig) {
			return false
		}
	}
	return true
}

func blockedNow(pid int, sig syscall.Signal) bool {
	threads, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/status")
	if err != nil {
		return false
	}
	found := false
	for _, path := range threads {
		status, err := readStatusFile(path)
		if err != nil { // it has ended
			continue
		}
		// In state D it waits for a program that it has just started (vfork).
		if blocked, ok := status.signals("SigBlk"); !ok || !blocked.has(sig) || strings.HasPrefix(status["State"], "D") {
			return false
		}
		found = true
	}
	return found
}
