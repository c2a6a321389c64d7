// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// errno is an error of the system in other words.
type errno struct {
	unix.Errno
	text string
}

func (e errno) Error() string { return e.text }
func (e errno) Unwrap() error { return e.Errno }

var (
	errMountPoint = errno{unix.EBUSY, "is a mount point: mount the directory instead"}
	errImmutable  = errno{unix.EPERM, "is immutable, or can only be appended to (see lsattr)"}
)

// explain adds to an error, if a permission is missing, who needs it for what.
func explain(err error) error {
	var failure *Error
	if !errors.As(err, &failure) || failure.who != "" || failure.hint != "" {
		return err
	}
	if !errors.Is(failure.Err, unix.EACCES) && failure.Err != unix.EPERM {
		return err
	}
	verb, path := "write to", failure.Path
	switch {
	case strings.HasPrefix(failure.Op, "reading"):
		verb = "read"
	case strings.HasPrefix(failure.Op, "opening"):
		verb = "open"
	case strings.HasPrefix(failure.Op, "setting"), strings.HasPrefix(failure.Op, "repairing"):
		verb = "change"
	default:
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			path = filepath.Dir(path)
		}
	}
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		failure.who = fmt.Sprintf("certagent runs as uid %d", os.Geteuid())
		return err
	}
	failure.who = fmt.Sprintf("certagent runs as uid %d and may not %s %s (%s:%s %04o)",
		os.Geteuid(), verb, path, userName(st.Uid), groupName(st.Gid), st.Mode&0o7777)
	return err
}

// notOwner returns the error for an owner that cannot be set.
func notOwner(op, path string, a attributes, err error) error {
	failure := &Error{Op: op, Path: path, Err: err}
	if err != unix.EPERM {
		return failure
	}
	var to []string
	if a.uid >= 0 {
		to = append(to, "user "+userName(uint32(a.uid)))
	}
	if a.gid >= 0 {
		to = append(to, "group "+groupName(uint32(a.gid)))
	}
	failure.who = fmt.Sprintf("certagent runs as uid %d and may not give files to %s", os.Geteuid(), strings.Join(to, " and "))
	failure.hint = "run certagent as root or with CAP_CHOWN, see deploy/systemd/certagent-owner.service; or as that user"
	return failure
}

func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

func groupName(gid uint32) string {
	id := strconv.FormatUint(uint64(gid), 10)
	if g, err := user.LookupGroupId(id); err == nil {
		return g.Name
	}
	return id
}
