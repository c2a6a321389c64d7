// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"errors"
	"fmt"
	"io/fs"
	osexec "os/exec"
	"syscall"
	"time"
)

// Exit is how a process ended. The zero value is success.
type Exit struct {
	Code   int            // its exit code, or 128+n for signal n, as a shell reports it
	Signal syscall.Signal // the signal that ended it, 0 if none did
	Lived  time.Duration  // how long it ran, if it was a child
	Err    error          // why its status is not known; Code is then 1

	proc process // what has ended, until a Supervisor has looked at what it left behind
}

// String returns a phrase such as "exit code 3" or "ended by SIGKILL".
func (e Exit) String() string {
	switch {
	case e.Err != nil:
		return "exit status unknown: " + e.Err.Error()
	case e.Signal != 0:
		return "ended by " + SignalName(e.Signal)
	default:
		return fmt.Sprintf("exit code %d", e.Code)
	}
}

func exitOf(s syscall.WaitStatus) Exit {
	if s.Signaled() {
		return Exit{Code: 128 + int(s.Signal()), Signal: s.Signal()}
	}
	return Exit{Code: s.ExitStatus()}
}

// The exit codes of a shell for a program that it could not start.
const (
	codeNotExecutable = 126
	codeNotFound      = 127
)

// StartError is the error for a program that could not be started. It shows the
// program but none of its arguments.
type StartError struct {
	Program string
	Code    int // 127 if the program does not exist, 126 if it cannot be executed
	reason  string
	err     error
}

func (e *StartError) Error() string { return fmt.Sprintf("starting %q: %s", e.Program, e.reason) }
func (e *StartError) Unwrap() error { return e.err }

func startError(program string, err error) error {
	e := &StartError{Program: program, Code: codeNotExecutable, reason: err.Error(), err: err}
	switch {
	case errors.Is(err, osexec.ErrNotFound):
		e.Code, e.reason = codeNotFound, "not found in PATH"
	case errors.Is(err, fs.ErrNotExist):
		e.Code, e.reason = codeNotFound, "no such program, or its interpreter is missing"
	case errors.Is(err, fs.ErrPermission):
		e.reason = "not executable for the user that runs certagent"
	case errors.Is(err, syscall.ENOEXEC):
		e.reason = "not in an executable format; a script begins with #! and its interpreter"
	}
	return e
}
