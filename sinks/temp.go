// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import "golang.org/x/sys/unix"

// writeTemp makes a durable file under a temporary name beside a destination,
// which it names in errors. Nothing is left behind on failure. The system calls:
//
//	openat(dir, name, O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600)
//	fchmod    before fchown, for the process may not own the file after it
//	fchown    unless it is to be the process's own
//	write     the mode and owner are final from the first byte
//	fchmod    for setuid and setgid only: fchown and write clear them
//	fsync
//	close
func (d *directory) writeTemp(name, destination string, content []byte, a attributes) error {
	f, err := d.createTemp(name, a)
	if err != nil {
		return &Error{Op: "creating a temporary file beside it", Path: destination, Err: err}
	}
	op, err := f.fill(content, a)
	if err == nil {
		op, err = "syncing the new content", f.sync()
	}
	if closeErr := f.close(); err == nil && closeErr != nil {
		op, err = "closing the new file", closeErr
	}
	if err != nil {
		d.remove(name) // what remains if this fails, too, Recover sweeps
		return &Error{Op: op, Path: destination, Err: err}
	}
	return nil
}

// createTemp creates the file. One that exists was left by a crash, or could not
// be removed after a failure.
func (d *directory) createTemp(name string, a attributes) (descriptor, error) {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL
	mode := uint32(0o600)
	if a.umask {
		mode = a.mode
	}
	f, err := d.openFile(name, flags, mode)
	if err == unix.EEXIST {
		if err := d.remove(name); err != nil {
			return f, err
		}
		f, err = d.openFile(name, flags, mode)
	}
	return f, err
}

// fill gives a new file its mode, owner and content. It returns the step that
// failed, if one did.
func (f descriptor) fill(content []byte, a attributes) (op string, err error) {
	if !a.umask {
		if err := f.chmod(a.mode); err != nil {
			return "setting the mode", err
		}
	}
	if err := f.chown(a); err != nil {
		return "setting the owner", err
	}
	if _, err := f.Write(content); err != nil {
		return "writing the new content", err
	}
	if a.mode&specialBits != 0 {
		if err := f.chmod(a.mode); err != nil {
			return "setting the mode", err
		}
	}
	return "", nil
}
