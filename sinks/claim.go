// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrClaimed is what [ClaimDestinations] wraps if another process of this user
// holds a claim to a destination.
var ErrClaimed = errors.New("another process publishes here")

// A Claim keeps other processes of the same user from publishing to the same
// destinations, for as long as it is open and its process lives. Different
// destinations in one directory do not get in each other's way.
type Claim struct {
	locks map[string]descriptor // by directory
}

// ClaimDestinations claims the destinations of files, all or none. It makes an
// empty file ".certagent-<uid>.lock" in each of their directories, which stays
// there, and the directories themselves where CreateDirs is set; a directory that
// is missing otherwise has nothing to be claimed. A file system without locks is
// used without.
func ClaimDestinations(files []File) (*Claim, error) {
	c := &Claim{locks: map[string]descriptor{}}
	for _, f := range files {
		if err := c.add(f); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// Claim claims the directory and the stable names of files in it, as
// [ClaimDestinations] does. The directory is made if it is missing.
func (d LinkDir) Claim(files []File) (*Claim, error) {
	d, err := d.absolute()
	if err != nil {
		return nil, err
	}
	found, err := d.locate(files)
	if err != nil {
		return nil, err
	}
	if err := d.ensure(); err != nil {
		return nil, err
	}
	c := &Claim{locks: map[string]descriptor{}}
	for _, name := range append([]string{dataLink}, stableNames(found)...) {
		if err := c.claim(filepath.Join(d.Path, name)); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// Close gives the claim up.
func (c *Claim) Close() error {
	for dir, lock := range c.locks {
		lock.close()
		delete(c.locks, dir)
	}
	return nil
}

var _ io.Closer = (*Claim)(nil)

func (c *Claim) add(f File) error {
	path, err := absoluteDestination(f.Path)
	if err != nil {
		return err
	}
	if f.CreateDirs {
		if err := createDirectory(filepath.Dir(path)); err != nil {
			return &Error{Op: "opening its directory's lock", Path: path, Err: err}
		}
	}
	return c.claim(path)
}

// claim claims one path.
func (c *Claim) claim(path string) error {
	lock, err := c.lock(filepath.Dir(path))
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return &Error{Op: "opening its directory's lock", Path: path, Err: err}
	}
	if err := lock.claim(filepath.Base(path)); err != nil {
		return &Error{Op: "claiming it", Path: path, Err: err, hint: "stop the other process, or give one of the two another destination"}
	}
	return nil
}

// lock opens the file of a directory whose bytes stand for destinations.
func (c *Claim) lock(dir string) (lock descriptor, err error) {
	if lock, ok := c.locks[dir]; ok {
		return lock, nil
	}
	name := fmt.Sprintf("%s%d.lock", prefix, os.Geteuid())
	lock, err = cwd.openFile(filepath.Join(dir, name), unix.O_RDWR|unix.O_CREAT, 0o600)
	if err == nil {
		c.locks[dir] = lock
	}
	return lock, err
}

// claim locks the byte that stands for a name. That two names share one of 2^63
// bytes does not happen.
func (f descriptor) claim(name string) error {
	hash := sha256.Sum256([]byte(name))
	region := unix.Flock_t{Type: unix.F_WRLCK, Start: int64(binary.BigEndian.Uint64(hash[:]) % math.MaxInt64), Len: 1}
	err := retryEINTR(func() error { return unix.FcntlFlock(uintptr(f), unix.F_OFD_SETLK, &region) })
	if err == unix.EAGAIN || err == unix.EACCES {
		return ErrClaimed
	}
	return nil
}
