// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import "golang.org/x/sys/unix"

var renameat2 = unix.Renameat2 // a variable for tests of file systems without RENAME_EXCHANGE

// A replacement puts a temporary file in the place of its destination. If there is
// an old file, the two exchange names, so that the old file can be restored or kept
// as a backup.
type replacement struct {
	dir      *directory
	from, to string
	old      bool   // there is a file at the destination
	backup   string // the name that the old file gets in the end; "" removes it

	done      bool
	exchanged bool // from now names the old file
}

// apply replaces the file. On a file system that cannot exchange names the old
// file is lost.
func (r *replacement) apply() error {
	err := error(unix.ENOENT)
	if r.old {
		err = r.exchange()
		r.exchanged = err == nil
	}
	switch err {
	case unix.ENOENT:
		r.old = false
		err = r.dir.rename(r.from, r.to)
	case unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP:
		if err = r.linkBackup(); err == nil {
			err = r.dir.rename(r.from, r.to)
		}
	}
	r.done = err == nil
	return err
}

func (r *replacement) exchange() error {
	return retryEINTR(func() error {
		return renameat2(r.dir.fd, r.from, r.dir.fd, r.to, unix.RENAME_EXCHANGE)
	})
}

// linkBackup makes the backup before a rename that does not keep the old file.
func (r *replacement) linkBackup() error {
	if r.backup == "" {
		return nil
	}
	if err := r.dir.remove(r.backup); err != nil {
		return err
	}
	return retryEINTR(func() error { return unix.Linkat(r.dir.fd, r.to, r.dir.fd, r.backup, 0) })
}

// reversible reports whether undo can restore the old file.
func (r *replacement) reversible() bool { return !r.done || r.exchanged || !r.old }

// undo restores the old file; from names the new one again.
func (r *replacement) undo() (err error) {
	switch {
	case !r.done:
		return nil
	case r.exchanged:
		err = r.exchange()
	default:
		err = r.dir.rename(r.to, r.from)
	}
	r.done = err != nil
	return err
}

// removeOld removes the old file or keeps it as the backup.
func (r *replacement) removeOld() error {
	switch {
	case !r.exchanged:
		return nil
	case r.backup == "":
		return r.dir.remove(r.from)
	}
	if err := r.dir.rename(r.from, r.backup); err != nil {
		return &Error{Op: "keeping the old file as a backup", Path: r.dir.join(r.to), Err: err}
	}
	return nil
}
