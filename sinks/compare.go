// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Status says how a destination differs from a file.
type Status int

// The statuses. A symbolic link is [Content], whatever it points to, for what is
// published is a file.
const (
	Unknown Status = iota // could not be found out
	Same                  // nothing to do
	Drift                 // the content is equal; the mode or owner is not the one asked for
	Content               // the content differs, or there is none
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

// Compare says how each destination differs. The statuses are in the order of
// the files; those that could not be read are Unknown, and the error names them
// all. It changes nothing.
func (Journal) Compare(files []File) ([]Status, error) {
	statuses := make([]Status, len(files))
	var errs []error
	for i, f := range files {
		status, err := compare(f)
		statuses[i] = status
		if err != nil {
			errs = append(errs, err)
		}
	}
	return statuses, errors.Join(errs...)
}

// anywhere is not a directory: names in it are paths.
var cwd = &directory{fd: unix.AT_FDCWD}

func compare(f File) (Status, error) {
	path, err := absoluteDestination(f.Path)
	if err != nil {
		return Unknown, err
	}
	is, err := cwd.statDestination(path)
	if err != nil {
		return Unknown, err
	}
	return cwd.compare(path, f, is)
}

// compare says how name, which was found to be is, differs from f.
func (d *directory) compare(name string, f File, is fileInfo) (Status, error) {
	if !is.regular || is.size != uint64(len(f.Content)) {
		return Content, nil
	}
	equal, err := d.hasContent(name, f.Content)
	switch {
	case err == unix.ENOENT:
		return Content, nil
	case err != nil:
		return Unknown, &Error{Op: "reading what is there", Path: d.join(name), Err: err}
	case !equal:
		return Content, nil
	case f.drifted(is):
		return Drift, nil
	}
	return Same, nil
}

// Repair gives an existing file the mode and owner that f asks for, and leaves
// its content and modification time alone. It does not follow a symbolic link.
func (Journal) Repair(f File) error {
	path, err := absoluteDestination(f.Path)
	if err != nil {
		return err
	}
	return cwd.repair(path, f)
}

func (d *directory) repair(name string, f File) error {
	file, err := d.openRead(name)
	if err != nil {
		return &Error{Op: "opening it to repair its mode or owner", Path: d.join(name), Err: err}
	}
	defer file.close()
	if st, err := file.stat(); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return &Error{Op: "repairing its mode or owner", Path: d.join(name), Err: errors.Join(err, ErrNotRegular)}
	}
	if err := file.chown(attributes{uid: f.UID, gid: f.GID}); err != nil {
		return &Error{Op: "repairing the owner", Path: d.join(name), Err: err}
	}
	if f.Mode == 0 {
		return nil
	}
	// After the owner: fchown clears setuid and setgid.
	if err := file.chmod(bits(f.Mode)); err != nil {
		return &Error{Op: "repairing the mode", Path: d.join(name), Err: err}
	}
	return nil
}
