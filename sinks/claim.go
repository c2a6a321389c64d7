// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// ErrClaimed is the error that [Publisher.Claim] wraps if another process of this
// user has claimed a destination.
var ErrClaimed = errors.New("another process publishes here")

// A Claim holds locks that keep other processes of the same user from publishing
// to the same destinations, until it is closed or its process ends. Different
// destinations in one directory do not exclude each other. The zero value holds
// no locks. A Claim is not safe for concurrent use.
//
// The locks are on an empty file ".certagent-<uid>.lock" in the directory of each
// destination, which stays there. In a directory that does not exist, and on a
// file system without locks, nothing is locked.
type Claim struct {
	files []descriptor    // the lock files
	held  map[string]bool // the destinations
}

// Close releases the locks.
func (c *Claim) Close() error {
	for _, f := range c.files {
		f.close()
	}
	*c = Claim{}
	return nil
}

var _ io.Closer = (*Claim)(nil)

// missing returns the paths that c does not hold yet.
func (c *Claim) missing(paths []string) []string {
	return slices.DeleteFunc(paths, func(path string) bool { return c.held[path] })
}

// add locks paths that c does not hold yet, all or none.
func (c *Claim) add(paths []string) error {
	locks := lockFiles{}
	for _, path := range paths {
		if err := locks.lock(path); err != nil {
			for _, f := range locks {
				f.close()
			}
			return err
		}
	}
	if c.held == nil {
		c.held = map[string]bool{}
	}
	for _, path := range paths {
		c.held[path] = true
	}
	c.files = slices.AppendSeq(c.files, maps.Values(locks))
	return nil
}

// lockFiles are open lock files, by directory.
type lockFiles map[string]descriptor

func (l lockFiles) lock(path string) error {
	f, err := l.open(filepath.Dir(path))
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return &Error{Op: "opening the lock file of its directory", Path: path, Err: err}
	}
	if err := f.lockByte(filepath.Base(path)); err != nil {
		return &Error{Op: "claiming the destination", Path: path, Err: err, hint: "stop the other process, or give one of the two another destination"}
	}
	return nil
}

func (l lockFiles) open(dir string) (f descriptor, err error) {
	if f, ok := l[dir]; ok {
		return f, nil
	}
	name := fmt.Sprintf("%s%d.lock", prefix, os.Geteuid())
	f, err = cwd.openFile(filepath.Join(dir, name), unix.O_RDWR|unix.O_CREAT, 0o600)
	if err == nil {
		l[dir] = f
	}
	return f, err
}

// lockByte locks the byte of a lock file that stands for a name. It is one of 2^63,
// so that two names do not share one.
func (f descriptor) lockByte(name string) error {
	hash := sha256.Sum256([]byte(name))
	region := unix.Flock_t{Type: unix.F_WRLCK, Start: int64(binary.BigEndian.Uint64(hash[:]) % math.MaxInt64), Len: 1}
	err := retryEINTR(func() error { return unix.FcntlFlock(uintptr(f), unix.F_OFD_SETLK, &region) })
	if err == unix.EAGAIN || err == unix.EACCES {
		return ErrClaimed
	}
	return nil
}
