// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import "golang.org/x/sys/unix"

// newFile is a file that is being written.
type newFile struct {
	descriptor
	destination string // named in errors
}

// writeTemp writes a durable file under a temporary name beside its destination.
// On a failure it removes the file. The system calls:
//
//	openat(dir, name, O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600)
//	fchmod    before fchown, after which this process may not own the file any more
//	fchown    unless the owner is to be that of the process
//	write     mode and owner are final before the first byte
//	fchmod    for setuid and setgid only: fchown and write clear them
//	fsync
//	close
func (d *directory) writeTemp(name, destination string, content []byte, a attributes) error {
	fd, err := d.createExclusively(name, a)
	if err != nil {
		return &Error{Op: "creating a temporary file beside it", Path: destination, Err: err}
	}
	f := newFile{fd, destination}
	err = f.fill(content, a)
	if err == nil {
		err = f.sync()
	}
	if closeErr := f.close(); err == nil {
		err = closeErr
	}
	if err != nil {
		d.remove(name) // if this fails, too, Recover removes it
	}
	return err
}

// createExclusively creates a file. It replaces one that a crash or a failure left.
func (d *directory) createExclusively(name string, a attributes) (descriptor, error) {
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

// fill sets the mode and owner and writes the content.
func (f newFile) fill(content []byte, a attributes) error {
	if !a.umask {
		if err := f.chmod(a.mode); err != nil {
			return f.failed("setting the mode", err)
		}
	}
	if err := f.chown(a); err != nil {
		return notOwner("setting the owner", f.destination, a, err)
	}
	if _, err := f.Write(content); err != nil {
		return f.failed("writing the new content", err)
	}
	if a.mode&specialBits != 0 {
		if err := f.chmod(a.mode); err != nil {
			return f.failed("setting the mode", err)
		}
	}
	return nil
}

// sync makes the content durable.
func (f newFile) sync() error {
	if err := retryEINTR(func() error { return unix.Fsync(int(f.descriptor)) }); err != nil {
		return f.failed("syncing the new content", err)
	}
	return nil
}

func (f newFile) close() error {
	if err := f.descriptor.close(); err != nil {
		return f.failed("closing the new file", err)
	}
	return nil
}

func (f newFile) failed(op string, err error) error {
	return &Error{Op: op, Path: f.destination, Err: err}
}
