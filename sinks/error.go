// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"strconv"

	"golang.org/x/sys/unix"
)

// An Error says which destination could not be dealt with, and at what step.
type Error struct {
	Op   string // what was being done: "writing the new content"
	Path string // the destination, or the directory or record spoken of
	Err  error  // why it failed; mostly a [unix.Errno]
	hint string // overrides the one that follows from Err
}

// Error returns the destination, the step and the reason.
func (e *Error) Error() string {
	return strconv.Quote(e.Path) + ": " + e.Op + ": " + e.Err.Error()
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// Hint returns what the user may do about it, or "".
func (e *Error) Hint() string {
	if e.hint != "" {
		return e.hint
	}
	for errno, hint := range hints {
		if errors.Is(e.Err, errno) {
			return hint
		}
	}
	return ""
}

var hints = map[unix.Errno]string{
	unix.EBUSY:  "a single file that is mounted cannot be replaced; mount the directory that holds it instead",
	unix.EROFS:  "the file system is mounted read-only; choose another destination or mount it read-write",
	unix.ENOSPC: "free some space or inodes on the file system",
	unix.EDQUOT: "the disk quota is used up; free some space or raise it",
	unix.EACCES: "let the user that certagent runs as write in the directory",
	unix.EPERM:  "this needs a privilege that certagent does not have, or the file is immutable (see lsattr)",
	unix.EISDIR: "the destination must name a file; add the file's name to it",
}

// What callers tell apart; all else is the system's own errors.
var (
	// ErrNotRegular is what a destination's error wraps if it is a named pipe, a
	// device or a socket.
	ErrNotRegular = errors.New("not a regular file")

	// ErrExposed is what [CheckDestination] wraps if others than the directory's
	// owner may replace files in it.
	ErrExposed = errors.New("others may replace files in this directory")

	// ErrRecord is what [Recover] wraps if a record is damaged, of a version that
	// this program does not know, or not this user's.
	ErrRecord = errors.New("unusable record")
)
