// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrForeignLink is wrapped if a directory is reached through a link of another user
// that leads to a directory of somebody else: its owner could otherwise make this
// process write where he may not write himself.
var ErrForeignLink = errors.New("leads to a directory of somebody else")

const maxLinks = 40 // as in path_resolution(7)

// openPath opens a directory. On the way it follows the links of root and of this user;
// those of another user only to directories of his own. Nobody can change what has been
// looked at before it is opened.
func openPath(path string) (fd int, err error) {
	how := unix.OpenHow{Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS}
	err = retryEINTR(func() (err error) { fd, err = unix.Openat2(unix.AT_FDCWD, path, &how); return err })
	switch err {
	case unix.ELOOP: // there is a link
	case unix.ENOSYS, unix.EPERM, unix.EAGAIN: // not known to the kernel, or to a filter of system calls
	default:
		return fd, err
	}
	w := walk{}
	defer w.close()
	root, err := w.open(unix.AT_FDCWD, "/", 0)
	if err != nil {
		return -1, err
	}
	dir, err := w.resolve(root, path)
	if err != nil {
		return -1, err
	}
	err = retryEINTR(func() (err error) {
		fd, err = unix.Openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	return fd, err
}

// walk resolves a path step by step.
type walk struct {
	fds   []int
	links int
}

func (w *walk) close() {
	for _, fd := range w.fds {
		unix.Close(fd)
	}
}

// open opens a name for no other purpose than to look at it and go on from there.
func (w *walk) open(dir int, name string, flags int) (fd int, err error) {
	err = retryEINTR(func() (err error) {
		fd, err = unix.Openat(dir, name, unix.O_PATH|unix.O_CLOEXEC|flags, 0)
		return err
	})
	if err == nil {
		w.fds = append(w.fds, fd)
	}
	return fd, err
}

// resolve returns a descriptor of what path leads to, from dir if it is relative. It
// stays open until close.
func (w *walk) resolve(dir int, path string) (int, error) {
	if filepath.IsAbs(path) {
		dir = w.fds[0]
	}
	for name := range strings.SplitSeq(path, "/") {
		if name == "" || name == "." {
			continue
		}
		next, err := w.open(dir, name, unix.O_NOFOLLOW)
		if err != nil {
			return -1, err
		}
		st, err := descriptor(next).stat()
		if err != nil {
			return -1, err
		}
		if st.Mode&unix.S_IFMT == unix.S_IFLNK {
			if next, err = w.follow(dir, next, name, int(st.Uid)); err != nil {
				return -1, err
			}
		}
		dir = next
	}
	return dir, nil
}

// follow returns a descriptor of what a link in dir leads to.
func (w *walk) follow(dir, link int, name string, owner int) (int, error) {
	if w.links++; w.links > maxLinks {
		return -1, unix.ELOOP
	}
	target, err := (&directory{fd: link}).readlink("")
	if err != nil {
		return -1, err
	}
	to, err := w.resolve(dir, target)
	if err != nil || isOwn(owner) {
		return to, err
	}
	st, err := descriptor(to).stat()
	if err == nil && int(st.Uid) != owner {
		err = fmt.Errorf("%q is a link of user %d that %w: user %d", name, owner, ErrForeignLink, st.Uid)
	}
	return to, err
}

const linkHint = "write the path without the link; or let root or certagent's user own the link (chown -h)"

// An Exposure is a directory on the way to a destination that a user can replace or
// change, who is neither root nor the user of this process.
type Exposure struct {
	Path string
	User int
}

// Exposures returns the directories above a destination that belong to users other
// than root, this process's user, and those given. What is written there is theirs to
// rename and replace. Directories that do not exist are left out.
func Exposures(path string, trusted ...int) (found []Exposure) {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		var st unix.Stat_t
		if unix.Stat(dir, &st) == nil && !isOwn(int(st.Uid)) && !slices.Contains(trusted, int(st.Uid)) {
			found = append(found, Exposure{dir, int(st.Uid)})
		}
		if dir == filepath.Dir(dir) {
			return found
		}
	}
}
