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

// ErrClaimed is the error that Claim wraps if another process of this user has
// claimed a destination.
var ErrClaimed = errors.New("another process publishes here")

// A Claim holds locks that keep other processes of the same user from publishing
// to the same destinations, as long as the claim is open and its process lives.
// Different destinations in one directory do not exclude each other. The zero
// value holds nothing. It is not safe for concurrent use.
//
// The locks are on an empty file ".certagent-<uid>.lock" in the directory of each
// destination. The file stays there. If the directory is missing or its file
// system has no locks, nothing is locked.
type Claim struct {
	files []descriptor
	held  map[string]bool // the paths
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

// missing returns those of the paths that c does not hold.
func (c *Claim) missing(paths []string) []string {
	return slices.DeleteFunc(paths, func(path string) bool { return c.held[path] })
}

// add locks paths that c does not hold, all or none.
func (c *Claim) add(paths []string) error {
	l := locking{files: map[string]descriptor{}}
	for _, path := range paths {
		if err := l.lock(path); err != nil {
			l.close()
			return err
		}
	}
	if c.held == nil {
		c.held = map[string]bool{}
	}
	for _, path := range paths {
		c.held[path] = true
	}
	c.files = slices.AppendSeq(c.files, maps.Values(l.files))
	return nil
}

// locking is what one call of add has locked so far.
type locking struct {
	files map[string]descriptor // by directory
}

func (l *locking) close() {
	for _, f := range l.files {
		f.close()
	}
}

func (l *locking) lock(path string) error {
	f, err := l.open(filepath.Dir(path))
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return &Error{Op: "opening its directory's lock", Path: path, Err: err}
	}
	if err := f.lockByte(filepath.Base(path)); err != nil {
		return &Error{Op: "claiming it", Path: path, Err: err, hint: "stop the other process, or give one of the two another destination"}
	}
	return nil
}

// open opens the lock file of a directory. Each of its bytes stands for one name.
func (l *locking) open(dir string) (f descriptor, err error) {
	if f, ok := l.files[dir]; ok {
		return f, nil
	}
	name := fmt.Sprintf("%s%d.lock", prefix, os.Geteuid())
	f, err = cwd.openFile(filepath.Join(dir, name), unix.O_RDWR|unix.O_CREAT, 0o600)
	if err == nil {
		l.files[dir] = f
	}
	return f, err
}

// lockByte locks the byte that stands for a name. Two names share one of 2^63
// bytes so rarely that it does not matter.
func (f descriptor) lockByte(name string) error {
	hash := sha256.Sum256([]byte(name))
	region := unix.Flock_t{Type: unix.F_WRLCK, Start: int64(binary.BigEndian.Uint64(hash[:]) % math.MaxInt64), Len: 1}
	err := retryEINTR(func() error { return unix.FcntlFlock(uintptr(f), unix.F_OFD_SETLK, &region) })
	if err == unix.EAGAIN || err == unix.EACCES {
		return ErrClaimed
	}
	return nil
}
