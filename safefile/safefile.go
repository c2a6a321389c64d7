// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package safefile reads files that other programs and other users may have put in
// place. Whatever stands at a path, a read ends soon and takes a bounded amount of
// memory: it refuses what is not a regular file, such as a named pipe, a device or a
// socket, what is larger than its limit, and a file system that does not answer.
//
// All files that certagent reads by their path are read here; a test over the sources
// makes sure of that. What it appends to, such as its log, is opened here too. The package
// writes nothing itself.
package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// The limits, in bytes, for what certagent reads. They are a multiple of what the
// largest useful file has.
const (
	MaxProc       = 1 << 20  // a file below /proc
	MaxCredential = 1 << 20  // a token, a JWT, a secret id, a public key, a password
	MaxPEM        = 4 << 20  // certificates, keys, keystores, a bundle of CAs
	MaxConfig     = 4 << 20  // a configuration file
	MaxTemplate   = 1 << 20  // the source of a template
	MaxInput      = 16 << 20 // a file that a template reads
	MaxPublished  = 64 << 20 // a published file that is to be kept or compared
)

// The errors that callers distinguish, besides those of the system.
var (
	// ErrNotRegular is wrapped if there is something else than a regular file.
	ErrNotRegular = errors.New("not a regular file")

	// ErrTooLarge is wrapped if a file is larger than the limit.
	ErrTooLarge = errors.New("too large")

	// ErrNoAnswer is wrapped if the file system does not answer in time.
	ErrNoAnswer = errors.New("the file system does not answer")
)

// Read returns the content of the regular file at path, or of the one that a link
// leads to. A file with more than limit bytes is an error. The error is a
// *[fs.PathError]. Read opens nothing but a regular file: opening a device can have
// effects, and opening a pipe is seen by its writer.
func Read(path string, limit int64) ([]byte, error) {
	content, _, err := ReadInfo(path, limit)
	return content, err
}

// ReadInfo is Read, and also returns what stat(2) tells of the file that was read.
func ReadInfo(path string, limit int64) ([]byte, fs.FileInfo, error) {
	return bounded(path, patience, func() ([]byte, fs.FileInfo, error) { return read(path, limit) })
}

// Head returns at most the first n bytes of the regular file at path, and what stat(2)
// tells of it. A longer file is no error.
func Head(path string, n int64) ([]byte, fs.FileInfo, error) {
	return bounded(path, patience, func() ([]byte, fs.FileInfo, error) {
		file, info, err := open(path)
		if err != nil {
			return nil, nil, err
		}
		defer file.Close()
		content, err := io.ReadAll(io.LimitReader(file, n))
		return content, info, named(path, err)
	})
}

// Owner returns the user and group that own a file.
func Owner(info fs.FileInfo) (uid, gid int) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, -1
	}
	return int(st.Uid), int(st.Gid)
}

func read(path string, limit int64) ([]byte, fs.FileInfo, error) {
	file, info, err := open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	if info.Size() > limit {
		return nil, nil, tooLarge(path, limit)
	}
	content, err := readAll(file, info.Size(), limit)
	if err != nil {
		return nil, nil, named(path, err)
	}
	if int64(len(content)) > limit {
		return nil, nil, tooLarge(path, limit)
	}
	return content, info, nil
}

// readAll reads up to limit+1 bytes. The size is what stat tells: the file may have
// grown or shrunk since, and below /proc it is zero.
func readAll(r io.Reader, size, limit int64) ([]byte, error) {
	content := make([]byte, 0, max(size, 256)+1)
	r = io.LimitReader(r, limit+1)
	for {
		if len(content) == cap(content) {
			content = append(content, 0)[:len(content)]
		}
		n, err := r.Read(content[len(content):cap(content)])
		content = content[:len(content)+n]
		if err == io.EOF {
			return content, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// open opens a regular file. Between looking at it and opening it nobody can put
// something else in its place: what was looked at is what is opened.
func open(path string) (*os.File, fs.FileInfo, error) {
	handle, err := openPath(path)
	if err != nil {
		return nil, nil, named(path, err)
	}
	defer unix.Close(handle)
	if err := regular(handle); err != nil {
		return nil, nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_CLOEXEC | unix.O_NOCTTY
	fd, err := openRetry("/proc/self/fd/"+strconv.Itoa(handle), flags)
	if err == unix.ENOENT { // there is no /proc
		fd, err = openRetry(path, flags)
	}
	if err == unix.EAGAIN {
		err = errLeased
	}
	if err != nil {
		return nil, nil, named(path, err)
	}
	file := os.NewFile(uintptr(fd), path)
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "read", Path: path, Err: notRegular(info.Mode())}
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

// errLeased: a program that holds a lease (fcntl(2), F_SETLEASE) may keep an open
// waiting for 45 s.
var errLeased = errors.New("another program holds a lease on the file")

// openPath returns a descriptor that only tells what is at a path. It opens nothing.
func openPath(path string) (int, error) {
	return openRetry(path, unix.O_PATH|unix.O_CLOEXEC)
}

func openRetry(path string, flags int) (fd int, err error) {
	for {
		if fd, err = unix.Open(path, flags, 0); err != unix.EINTR {
			return fd, err
		}
	}
}

// regular returns an error if a descriptor is not one of a regular file.
func regular(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFREG {
		return nil
	}
	return notRegular(modeOf(st))
}

func modeOf(st unix.Stat_t) fs.FileMode {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return fs.ModeDir
	case unix.S_IFIFO:
		return fs.ModeNamedPipe
	case unix.S_IFSOCK:
		return fs.ModeSocket
	case unix.S_IFCHR, unix.S_IFBLK:
		return fs.ModeDevice
	}
	return fs.ModeIrregular
}

// kindError says what there is instead of a regular file.
type kindError struct{ kind string }

func (e kindError) Error() string { return "is " + e.kind + ", " + ErrNotRegular.Error() }

// Is makes a directory the error that read(2) returns for it.
func (e kindError) Is(target error) bool {
	return target == ErrNotRegular || target == unix.EISDIR && e.kind == directory
}

const directory = "a directory"

func notRegular(mode fs.FileMode) error {
	switch {
	case mode.IsDir():
		return kindError{directory}
	case mode&fs.ModeNamedPipe != 0:
		return kindError{"a named pipe"}
	case mode&fs.ModeSocket != 0:
		return kindError{"a socket"}
	case mode&fs.ModeDevice != 0:
		return kindError{"a device"}
	}
	return ErrNotRegular
}

func tooLarge(path string, limit int64) error {
	return &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w: the limit is %s", ErrTooLarge, bytes(limit))}
}

// bytes words a number of bytes.
func bytes(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + " MiB"
	case n >= 1<<10 && n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + " KiB"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}

// named returns an error that names the path, as package os does.
func named(path string, err error) error {
	var named *fs.PathError
	if err == nil || errors.As(err, &named) && named.Path == path {
		return err
	}
	if named != nil {
		err = named.Err
	}
	return &fs.PathError{Op: "open", Path: path, Err: err}
}
