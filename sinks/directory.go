// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	lockPoll = 10 * time.Millisecond
	lockWait = 5 * time.Second
)

var errLocked = errors.New("locked by another program")

// directory is an open directory. What is done in it is done relative to its
// descriptor, so that nobody who replaces a directory further up meanwhile can
// spread a set over two places.
type directory struct {
	path    string
	fd      int
	changed bool // names in it are, or will be
}

// openDirectory opens a directory and locks it: shared by those who publish in
// it, exclusively by those who take for granted that nobody does.
func openDirectory(ctx context.Context, path string, lock int) (*directory, error) {
	d, err := openUnlocked(path)
	if err != nil {
		return nil, err
	}
	if err := d.lock(ctx, lock); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func openUnlocked(path string) (*directory, error) {
	var fd int
	err := retryEINTR(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, &Error{Op: "opening the directory", Path: path, Err: err}
	}
	return &directory{path: path, fd: fd}, nil
}

// lock waits for others to finish, for they need milliseconds. File systems
// without locks are used without.
func (d *directory) lock(ctx context.Context, how int) error {
	for deadline := time.Now().Add(lockWait); ; {
		err := retryEINTR(func() error { return unix.Flock(d.fd, how|unix.LOCK_NB) })
		if err != unix.EWOULDBLOCK {
			return nil
		}
		if time.Now().After(deadline) {
			return &Error{Op: "locking the directory", Path: d.path, Err: errLocked, hint: "lslocks shows which program holds the lock"}
		}
		select {
		case <-ctx.Done():
			return &Error{Op: "locking the directory", Path: d.path, Err: ctx.Err()}
		case <-time.After(lockPoll):
		}
	}
}

// sync makes the names in the directory durable.
func (d *directory) sync() error {
	if err := retryEINTR(func() error { return unix.Fsync(d.fd) }); err != nil {
		return &Error{Op: "syncing the directory", Path: d.path, Err: err}
	}
	return nil
}

// remove removes a name; that there is none is as good.
func (d *directory) remove(name string) error {
	err := retryEINTR(func() error { return unix.Unlinkat(d.fd, name, 0) })
	if err != nil && err != unix.ENOENT {
		return &Error{Op: "removing", Path: d.join(name), Err: err}
	}
	return nil
}

// names returns the names in a directory that was just opened.
func (d *directory) list() (names []string, err error) {
	buf := make([]byte, 32<<10)
	for {
		var n int
		err := retryEINTR(func() (err error) { n, err = unix.ReadDirent(d.fd, buf); return err })
		if err != nil {
			return nil, &Error{Op: "listing the directory", Path: d.path, Err: err}
		}
		if n == 0 {
			return names, nil
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}

func (d *directory) join(name string) string { return filepath.Join(d.path, name) }

func (d *directory) rename(from, to string) error {
	return retryEINTR(func() error { return unix.Renameat(d.fd, from, d.fd, to) })
}

// close cannot fail in a way that matters: nothing is written through fd.
func (d *directory) close() { unix.Close(d.fd) }

// createDirectory makes path and what is missing above it, and makes each new
// name durable.
func createDirectory(path string) error {
	err := retryEINTR(func() error { return unix.Mkdir(path, 0o755) })
	if err == unix.ENOENT {
		if err := createDirectory(filepath.Dir(path)); err != nil {
			return err
		}
		err = retryEINTR(func() error { return unix.Mkdir(path, 0o755) })
	}
	if err == unix.EEXIST {
		return nil
	}
	if err != nil {
		return &Error{Op: "creating the directory", Path: path, Err: err}
	}
	parent, err := openDirectory(context.Background(), filepath.Dir(path), unix.LOCK_SH)
	if err != nil {
		return err
	}
	defer parent.close()
	return parent.sync()
}

var doSyscall = func(call func() error) error { return call() } // tests have it fail

// retry repeats a system call that a signal interrupted.
func retryEINTR(call func() error) error {
	for {
		if err := doSyscall(call); err != unix.EINTR {
			return err
		}
	}
}
