// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/safefile"
)

// An Error names the destination and the step that failed.
type Error struct {
	Op   string // the step, such as "writing the new content"
	Path string // the destination, or a directory or record
	Err  error  // the reason; usually a [unix.Errno]
	hint string // replaces the hint that follows from Err
	who  string // which user may not do what; "" if that is not the reason
}

// Error returns the destination, the step and the reason.
func (e *Error) Error() string {
	text := strconv.Quote(e.Path) + ": " + e.Op + ": " + e.Err.Error()
	if e.who != "" {
		text += " (" + e.who + ")"
	}
	return text
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// Hint returns what the user can do about the error, or "".
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

// withPath wraps err in an Error unless it is one already.
func withPath(op, path string, err error) error {
	if failure := (*Error)(nil); errors.As(err, &failure) {
		return err
	}
	return &Error{Op: op, Path: path, Err: err}
}

var hints = map[unix.Errno]string{
	unix.EBUSY:   "a single file that is mounted cannot be replaced; mount the directory that holds it instead",
	unix.EXDEV:   "the file is on another file system than its directory; mount the directory that holds it instead",
	unix.ETXTBSY: "the kernel is using the file, as a program or as swap space; choose another destination",
	unix.EROFS:   "the file system is mounted read-only; choose another destination or mount it read-write",
	unix.ENOSPC:  "free some space or inodes on the file system",
	unix.EDQUOT:  "the disk quota is used up; free some space or raise it",
	unix.EACCES:  "let the user that certagent runs as write in the directory",
	unix.EPERM:   "this needs a privilege that certagent does not have, or the file or its directory is immutable (see lsattr)",
	unix.EISDIR:  "the destination must name a file; add the file's name to it",
	unix.ENOTDIR: "a parent directory of the destination is a file",
}

// The errors that callers distinguish, besides those of the system.
var (
	// ErrNotRegular is wrapped if a destination is a named pipe, a device or a
	// socket.
	ErrNotRegular = safefile.ErrNotRegular

	// ErrExposed is the error that [CheckDestination] wraps if other users may
	// replace files in the directory.
	ErrExposed = errors.New("others may replace files in this directory")

	// ErrRecord is the error that [Recover] wraps if a record is damaged, has an
	// unknown version, or does not belong to this user.
	ErrRecord = errors.New("unusable record")

	// ErrNoPrevious is the error that [Publisher.Rollback] wraps if there is no
	// generation to return to.
	ErrNoPrevious = errors.New("there is no previous generation that is complete")
)
