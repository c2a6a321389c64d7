// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"errors"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Whoever can open a file or a directory can lock it, even if he may only read it. So
// all locks are on a file ".certagent-<uid>.lock" in the directory, which only this user
// can open. It is open for reading only: a file that is open for writing keeps a file
// system from being remounted read-only.

const (
	lockPoll = 10 * time.Millisecond
	lockWait = 5 * time.Second
)

var (
	errLocked      = errors.New("locked by another process of this user")
	errForeignLock = errors.New("it is not a file that only this user can open")
	errNoLocks     = errors.New("the file system has no locks")
)

func lockName(uid int) string { return prefix + strconv.Itoa(uid) + lockSuffix }

// openLockFile opens the lock file of d. create is whether it
// may be created. The error is ENOENT if
// there is none.
func (d *directory) openLockFile(create bool) (descriptor, error) {
	name := lockName(os.Geteuid())
	f, err := d.openRead(name)
	if err == unix.ENOENT && create {
		f, err = d.openFile(name, unix.O_RDONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
		if err == unix.EEXIST { // another process was faster
			f, err = d.openRead(name)
		}
	}
	if err != nil {
		return f, err
	}
	st, err := f.stat()
	if err == nil && (st.Mode&unix.S_IFMT != unix.S_IFREG || int(st.Uid) != os.Geteuid() || st.Nlink > 1) {
		err = errForeignLock
	}
	if err == nil && st.Mode&0o777 != 0o600 { // the umask
		err = f.chmod(0o600)
	}
	if err != nil {
		f.close()
	}
	return f, err
}

// lock waits for other processes of this user, which hold the lock for milliseconds.
// how is LOCK_SH for publishers, and LOCK_EX for Recover. Where there cannot be a lock,
// nothing is locked: Claim reports that.
func (d *directory) lock(ctx context.Context, how int, create bool) error {
	f, err := d.openLockFile(create)
	if err != nil {
		return nil
	}
	if err := f.flock(ctx, how); err != nil {
		f.close()
		return &Error{Op: "locking the directory", Path: d.path, Err: err, hint: "lslocks shows which process holds the lock on " + d.join(lockName(os.Geteuid()))}
	}
	d.locks = append(d.locks, f)
	return nil
}

// flock returns no error on a file system without locks.
func (f descriptor) flock(ctx context.Context, how int) error {
	for deadline := time.Now().Add(lockWait); ; {
		err := retryEINTR(func() error { return unix.Flock(int(f), how|unix.LOCK_NB) })
		if err != unix.EWOULDBLOCK {
			return nil
		}
		if time.Now().After(deadline) {
			return errLocked
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPoll):
		}
	}
}
