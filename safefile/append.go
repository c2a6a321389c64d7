// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// OpenAppend opens the file at path for appending, and creates it with the mode, less
// the umask, if it is missing; its owner can read and write it whatever the umask. It
// changes nothing of a file that is there.
//
// What somebody else may have put at the path is refused: a link, a file with several
// names, one that belongs to neither root nor this process's user, and whatever is not
// a regular file. Excepted are the files of /dev and /proc, such as /dev/null,
// /dev/stdout and /proc/1/fd/1, and links of root's, or of this process's user, to them.
// /dev/stdout and /dev/stderr are this process's own, also if they are sockets.
func OpenAppend(path string, mode fs.FileMode) (*os.File, error) {
	file, err := openAppend(path, unix.O_CREAT, uint32(mode.Perm()))
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return file, nil
}

// CheckAppend returns the error of OpenAppend, and creates no file: a missing one is an
// error if it cannot be created.
func CheckAppend(path string) error {
	file, err := openAppend(path, 0, 0)
	switch {
	case err == nil:
		return file.Close()
	case errors.Is(err, unix.ENOENT):
		path = filepath.Dir(path)
		err = unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	}
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: "open", Path: path, Err: err}
}

func openAppend(path string, create int, mode uint32) (*os.File, error) {
	const flags = unix.O_WRONLY | unix.O_APPEND | unix.O_CLOEXEC | unix.O_NOCTTY | unix.O_NONBLOCK
	if target := kernels(path); target != "" {
		if own := standard(target); own != 0 {
			return duplicate(own, path)
		}
		fd, err := openRetry(target, flags)
		if err != nil {
			return nil, err
		}
		return blocking(fd, path)
	}
	var before unix.Stat_t // opening a device can have effects
	missing := unix.Lstat(path, &before) != nil
	if !missing {
		if err := ours(before); err != nil {
			return nil, err
		}
	}
	fd, err := openRetryMode(path, flags|unix.O_NOFOLLOW|create, mode)
	if err != nil {
		return nil, err
	}
	var opened unix.Stat_t
	err = unix.Fstat(fd, &opened)
	if err == nil {
		err = ours(opened)
	}
	if own := mode & 0o600; err == nil && missing && opened.Mode&own != own {
		err = unix.Fchmod(fd, opened.Mode&0o777|own)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return blocking(fd, path)
}

// ours returns an error unless st is that of a regular file with one name, of root or of
// this process's user.
func ours(st unix.Stat_t) error {
	switch kind := st.Mode & unix.S_IFMT; {
	case kind == unix.S_IFLNK:
		return errors.New("a link, which is not followed: name the file that it leads to")
	case kind != unix.S_IFREG:
		return ErrNotRegular
	case st.Nlink > 1:
		return fmt.Errorf("the file has %d names (hard links): remove the others", st.Nlink)
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Errorf("the file belongs to user %d, neither root nor certagent's user %d", st.Uid, os.Geteuid())
	}
	return nil
}

// kernels returns the path in /dev or /proc that path is, or that a link of root's or
// ours at path leads to; "" if there is none. Nobody else can put anything there, but
// for /dev/shm and /dev/mqueue.
func kernels(path string) string {
	for range 2 {
		clean := filepath.Clean(path)
		if dir := filepath.Dir(clean); dir == "/dev" || dir == "/dev/fd" || dir == "/dev/pts" || strings.HasPrefix(clean, "/proc/") {
			return clean
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFLNK || st.Uid != 0 && int(st.Uid) != os.Geteuid() {
			return ""
		}
		target, err := os.Readlink(path)
		if err != nil || !filepath.IsAbs(target) {
			return ""
		}
		path = target
	}
	return ""
}

// standard returns the descriptor of standard output or error, if path is one of their
// names; 0 if not.
func standard(path string) int {
	switch path {
	case "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1":
		return 1
	case "/dev/stderr", "/dev/fd/2", "/proc/self/fd/2":
		return 2
	}
	return 0
}

// duplicate returns a file for a descriptor that stays open.
func duplicate(fd int, name string) (*os.File, error) {
	fd, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// blocking returns the file of a descriptor that was opened with O_NONBLOCK.
func blocking(fd int, name string) (*os.File, error) {
	if err := unix.SetNonblock(fd, false); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// openRetryMode is openRetry for a file that may be created.
func openRetryMode(path string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Open(path, flags, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
