// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import "golang.org/x/sys/unix"

var renameat2 = unix.Renameat2 // tests take it away

// A move puts a temporary file in its destination's place. Where there was a
// file, the two change names, so that the old one can be put back, or kept as a
// backup.
type replacement struct {
	dir      *directory
	from, to string
	old      bool   // something is at the destination
	backup   string // what to call the old file afterwards; "" removes it

	done    bool
	swapped bool // from now names the old file
}

// do carries the move out. On a file system that cannot exchange names the old
// file is gone afterwards.
func (m *replacement) apply() error {
	err := error(unix.ENOENT)
	if m.old {
		err = m.exchange()
		m.swapped = err == nil
	}
	switch err {
	case unix.ENOENT:
		m.old = false
		err = m.dir.rename(m.from, m.to)
	case unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP:
		if err = m.linkBackup(); err == nil {
			err = m.dir.rename(m.from, m.to)
		}
	}
	m.done = err == nil
	return err
}

func (m *replacement) exchange() error {
	return retryEINTR(func() error {
		return renameat2(m.dir.fd, m.from, m.dir.fd, m.to, unix.RENAME_EXCHANGE)
	})
}

// link makes the backup before the old file is replaced for good.
func (m *replacement) linkBackup() error {
	if m.backup == "" {
		return nil
	}
	if err := m.dir.remove(m.backup); err != nil {
		return err
	}
	return retryEINTR(func() error { return unix.Linkat(m.dir.fd, m.to, m.dir.fd, m.backup, 0) })
}

// reversible reports whether undo can restore what was there.
func (m *replacement) reversible() bool { return !m.done || m.swapped || !m.old }

// undo restores what was there; from names the new file again.
func (m *replacement) undo() (err error) {
	switch {
	case !m.done:
		return nil
	case m.swapped:
		err = m.exchange()
	default:
		err = m.dir.rename(m.to, m.from)
	}
	m.done = err != nil
	return err
}

// tidy does away with the old file.
func (m *replacement) removeOld() error {
	switch {
	case !m.swapped:
		return nil
	case m.backup == "":
		return m.dir.remove(m.from)
	}
	if err := m.dir.rename(m.from, m.backup); err != nil {
		return &Error{Op: "keeping the old file as a backup", Path: m.dir.join(m.to), Err: err}
	}
	return nil
}
