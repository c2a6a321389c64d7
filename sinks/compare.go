// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Status is how a destination differs from a file.
type Status int

// The statuses. A symbolic link is [Content] whatever it points to, because it has
// to be replaced by a file.
const (
	Unknown Status = iota // the comparison failed
	Same                  // no difference
	Drift                 // equal content, but another mode or owner than asked for
	Content               // other content, or no file
)

// String returns the status in lower case.
func (s Status) String() string {
	switch s {
	case Same:
		return "same"
	case Drift:
		return "drift"
	case Content:
		return "content"
	}
	return "unknown"
}

// compare returns how name, of which is was found, differs from f.
func (d *directory) compare(name string, f File, is fileInfo) (Status, error) {
	if !is.regular || is.size != uint64(len(f.Content)) {
		return Content, nil
	}
	equal, err := d.hasContent(name, f.Content)
	switch {
	case err == unix.ENOENT:
		return Content, nil
	case err != nil:
		return Unknown, &Error{Op: "reading the existing file", Path: d.join(name), Err: err}
	case !equal:
		return Content, nil
	case f.UID < 0 && !is.trusted:
		return Content, nil // somebody else's file, who can still change it
	case f.drifted(is):
		return Drift, nil
	}
	return Same, nil
}

// compareAndRepair is compare, but repairs a file that drifted. One that this user
// may not repair is [Content]: it can still be replaced.
func (d *directory) compareAndRepair(name string, f File, is fileInfo) (Status, error) {
	status, err := d.compare(name, f, is)
	if status != Drift {
		return status, err
	}
	if err := d.repair(name, f); errors.Is(err, unix.EPERM) || errors.Is(err, unix.EAGAIN) {
		return Content, nil
	} else if err != nil {
		return Unknown, err
	}
	return Same, nil
}

// drifted reports whether a file has another mode or owner than f asks for.
func (f File) drifted(is fileInfo) bool {
	return f.Mode != 0 && bits(f.Mode) != is.mode || f.Mode == 0 && f.Key && is.mode&othersBits != 0 || f.UID >= 0 && f.UID != is.uid || f.GID >= 0 && f.GID != is.gid
}

func (d *directory) repair(name string, f File) error {
	file, err := d.openRead(name)
	if err != nil {
		return &Error{Op: "opening the file to repair its mode or owner", Path: d.join(name), Err: err}
	}
	defer file.close()
	st, err := file.stat()
	if err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return &Error{Op: "repairing the mode or owner", Path: d.join(name), Err: errors.Join(err, ErrNotRegular)}
	}
	if err := file.chown(attributes{uid: f.UID, gid: f.GID}); err != nil {
		return &Error{Op: "repairing the owner", Path: d.join(name), Err: err}
	}
	if f.Mode == 0 && f.Key && st.Mode&othersBits != 0 {
		f.Mode = keyMode
	}
	if f.Mode == 0 {
		return nil
	}
	// After fchown, which clears setuid and setgid.
	if err := file.chmod(bits(f.Mode)); err != nil {
		return &Error{Op: "repairing the mode", Path: d.join(name), Err: err}
	}
	return nil
}
