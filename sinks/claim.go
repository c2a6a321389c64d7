// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The errors of [Publisher.Claim] that callers distinguish.
var (
	// ErrClaimed is wrapped if another process of this user has claimed a
	// destination.
	ErrClaimed = errors.New("another process publishes here")

	// ErrTwice is wrapped if the same Claim holds the file under another path, which
	// leads to it through a link.
	ErrTwice = errors.New("two destinations are one file")
)

// A Claim holds locks that keep other processes of the same user from publishing
// to the same destinations, until it is closed or its process ends. Different
// destinations in one directory do not exclude each other. The zero value holds
// no locks. A Claim is safe for concurrent use.
//
// The locks are on a file ".certagent-<uid>.lock" in the directory of each
// destination, which stays there. It holds the numbers of the processes. In a directory
// that does not exist nothing is locked: the next call with the destination does, once
// there is one. If a directory was replaced, the next call locks the new one.
type Claim struct {
	mu   sync.Mutex
	dirs map[string]*claimedDir // by path
	held map[string]claimed     // by the path of the destination

	replaced []string // directories, since Replaced was called
}

// claimedDir is a directory with an open lock file.
type claimedDir struct {
	file descriptor
	id   inode // of the lock file
	dir  inode
}

// claimed is a destination, however many paths lead to it.
type claimed struct {
	dir  inode
	name string
}

// Close releases the locks.
func (c *Claim) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	closed := map[inode]bool{}
	for _, d := range c.dirs {
		if !closed[d.id] {
			closed[d.id] = true
			d.file.close()
		}
	}
	c.dirs, c.held = nil, nil
	return nil
}

var _ io.Closer = (*Claim)(nil)

// missing returns the paths that c does not hold, or no more.
func (c *Claim) missing(paths []string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	checked := map[string]bool{}
	for _, path := range paths {
		if dir := filepath.Dir(path); !checked[dir] {
			checked[dir] = true
			c.forgetReplaced(dir)
		}
	}
	return slices.DeleteFunc(paths, func(path string) bool { _, held := c.held[path]; return held })
}

// forgetReplaced releases a lock file that is no longer the one in its directory.
func (c *Claim) forgetReplaced(dir string) {
	d := c.dirs[dir]
	if d == nil {
		return
	}
	var st unix.Stat_t
	path := filepath.Join(dir, lockName(os.Geteuid()))
	if err := unix.Lstat(path, &st); err != nil && err != unix.ENOENT || err == nil && (inode{st.Dev, st.Ino}) == d.id {
		return
	}
	if unix.Stat(dir, &st) == nil && (inode{st.Dev, st.Ino}) != d.dir {
		c.replaced = append(c.replaced, dir)
	}
	delete(c.dirs, dir)
	for path := range c.held {
		if filepath.Dir(path) == dir {
			delete(c.held, path)
		}
	}
	for _, other := range c.dirs {
		if other.file == d.file {
			return // another path led to it
		}
	}
	d.file.close()
}

// Replaced returns the directories of destinations that were found to be other ones
// than those in which a destination was claimed, since the last call.
func (c *Claim) Replaced() (dirs []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	dirs, c.replaced = c.replaced, nil
	return dirs
}

// add locks paths that c does not hold yet, all or none. A destination that cannot be
// locked for another reason than a claim counts as held, and the error says so.
func (c *Claim) add(paths []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := addition{Claim: c, dirs: map[string]*claimedDir{}, held: map[string]claimed{}}
	defer a.release()
	for _, path := range paths {
		if err := a.lock(path); err != nil {
			a.drop()
			return err
		}
	}
	if c.held == nil {
		c.dirs, c.held = map[string]*claimedDir{}, map[string]claimed{}
	}
	for path, place := range a.held {
		c.held[path] = place
	}
	for dir, d := range a.dirs {
		if d != nil {
			c.dirs[dir] = d
		}
	}
	return errors.Join(a.unlocked...)
}

// addition is what one call of add has locked.
type addition struct {
	*Claim
	dirs     map[string]*claimedDir // opened by this call; nil for one that cannot be locked
	held     map[string]claimed
	bytes    []lockedByte
	unlocked []error
}

type lockedByte struct {
	file descriptor
	name string
}

// lock locks one destination.
func (a *addition) lock(path string) error {
	dir := filepath.Dir(path)
	d, err := a.open(dir)
	if err != nil || d == nil {
		return err
	}
	place := claimed{d.id, filepath.Base(path)}
	for _, held := range []map[string]claimed{a.Claim.held, a.held} {
		for other, is := range held {
			if is == place && other != path {
				return &Error{Op: "claiming the destination", Path: path, Err: fmt.Errorf("%w: the other is %q", ErrTwice, other), hint: "a link leads from one to the other; give each destination a path of its own"}
			}
		}
	}
	switch err := d.file.awaitByte(place.name); {
	case err == unix.EAGAIN, err == unix.EACCES:
		return &Error{Op: "claiming the destination", Path: path, Err: claimedBy(d, place.name), hint: "stop the other process, or give one of the two another destination"}
	case err != nil:
		a.unlocked = append(a.unlocked, &Error{Op: "claiming the destination", Path: path, Err: fmt.Errorf("%w: %w", errNoLocks, err)})
	default:
		a.bytes = append(a.bytes, lockedByte{d.file, place.name})
	}
	a.held[path] = place
	return nil
}

// open returns the directory with its lock file, or nil if it does not exist or cannot
// be locked. While a is in progress no other process locks in it.
func (a *addition) open(dir string) (*claimedDir, error) {
	if d, known := a.dirs[dir]; known {
		return d, nil
	}
	d, err := a.openNew(dir)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil, nil
	case err != nil:
		a.dirs[dir] = nil
		a.unlocked = append(a.unlocked, &Error{Op: "opening its lock file", Path: filepath.Join(dir, lockName(os.Geteuid())), Err: err})
		return nil, nil
	}
	a.dirs[dir] = d
	return d, nil
}

func (a *addition) openNew(dir string) (*claimedDir, error) {
	if d := a.Claim.dirs[dir]; d != nil {
		return d, d.file.flock(context.Background(), unix.LOCK_EX)
	}
	parent, err := openUnlocked(dir)
	if err != nil {
		return nil, err
	}
	defer parent.close()
	f, err := parent.openLockFile(true)
	if err != nil {
		return nil, err
	}
	st, err := f.stat()
	is, dirErr := descriptor(parent.fd).stat()
	if err = errors.Join(err, dirErr); err != nil {
		f.close()
		return nil, err
	}
	id := inode{st.Dev, st.Ino}
	for _, dirs := range []map[string]*claimedDir{a.Claim.dirs, a.dirs} {
		for _, d := range dirs {
			if d != nil && d.id == id { // another path leads to the directory
				f.close()
				return d, nil
			}
		}
	}
	if err := f.flock(context.Background(), unix.LOCK_EX); err != nil {
		f.close()
		return nil, err
	}
	parent.recordProcess(id)
	return &claimedDir{f, id, inode{is.Dev, is.Ino}}, nil
}

// release lets other processes lock.
func (a *addition) release() {
	for _, d := range a.dirs {
		if d != nil {
			_ = unix.Flock(int(d.file), unix.LOCK_UN)
		}
	}
}

// drop undoes the addition.
func (a *addition) drop() {
	for _, b := range a.bytes {
		b.file.unlockByte(b.name)
	}
	closed := map[*claimedDir]bool{}
	for dir, d := range a.dirs {
		if d == nil || a.isOpen(d) {
			continue
		}
		if !closed[d] {
			closed[d] = true
			d.file.close()
		}
		delete(a.dirs, dir)
	}
}

// isOpen reports whether the claim had the lock file open before.
func (a *addition) isOpen(d *claimedDir) bool {
	for _, is := range a.Claim.dirs {
		if is == d {
			return true
		}
	}
	return false
}

// byteOf is the byte of a lock file that stands for a name. It is one of 2^63, so that
// two names do not share one.
func byteOf(name string) int64 {
	hash := sha256.Sum256([]byte(name))
	return int64(binary.BigEndian.Uint64(hash[:]) % math.MaxInt64)
}

// handingOver is how long a claim waits for one that is about to end: a process that was
// being started by one that has closed its claim, or has ended, holds that claim until it
// executes its program.
const handingOver = time.Second

// awaitByte is lockByte, and waits for handingOver if another process has the lock.
func (f descriptor) awaitByte(name string) error {
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if err := f.lockByte(name); err != unix.EAGAIN || time.Since(begun) > handingOver {
			return err
		}
	}
}

// lockByte locks the byte that stands for a name. The file is open for reading, so this
// can only be a read lock: it is taken if there is no other, which nobody can change
// meanwhile, because the caller holds the exclusive flock(2). The error is EAGAIN if
// another process has one.
func (f descriptor) lockByte(name string) error {
	region := unix.Flock_t{Type: unix.F_WRLCK, Start: byteOf(name), Len: 1}
	if err := retryEINTR(func() error { return unix.FcntlFlock(uintptr(f), unix.F_OFD_GETLK, &region) }); err != nil {
		return err
	}
	if region.Type != unix.F_UNLCK {
		return unix.EAGAIN
	}
	region = unix.Flock_t{Type: unix.F_RDLCK, Start: byteOf(name), Len: 1}
	return retryEINTR(func() error { return unix.FcntlFlock(uintptr(f), unix.F_OFD_SETLK, &region) })
}

func (f descriptor) unlockByte(name string) {
	region := unix.Flock_t{Type: unix.F_UNLCK, Start: byteOf(name), Len: 1}
	_ = unix.FcntlFlock(uintptr(f), unix.F_OFD_SETLK, &region)
}
