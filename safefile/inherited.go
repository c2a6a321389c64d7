// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package safefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

var errAtEnd = errors.New("nothing to read: what comes from a pipe can be read only once")

// ReadInput is Read, but also reads a pipe, terminal or socket that this process has
// inherited from the one that started it: /dev/stdin, or /dev/fd/N as a shell's <(…)
// names it. It reads to the end, which has to come in time. Such an input can be read
// only once; the second time is an error.
func ReadInput(path string, limit int64) ([]byte, error) {
	fd, ok := inherited(path)
	if !ok {
		return Read(path, limit)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFIFO, unix.S_IFSOCK, unix.S_IFCHR:
	default:
		return Read(path, limit)
	}
	content, _, err := bounded(path, patience, func() ([]byte, fs.FileInfo, error) { return readDescriptor(path, fd, limit) })
	return content, err
}

func readDescriptor(path string, fd int, limit int64) ([]byte, fs.FileInfo, error) {
	copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, nil, named(path, err)
	}
	file := os.NewFile(uintptr(copied), path)
	defer file.Close()
	content, err := readAll(file, 0, limit)
	switch {
	case err != nil:
		return nil, nil, named(path, err)
	case int64(len(content)) > limit:
		return nil, nil, tooLarge(path, limit)
	case len(content) == 0:
		return nil, nil, &fs.PathError{Op: "read", Path: path, Err: errAtEnd}
	}
	return content, nil, nil
}

// inherited returns the descriptor that a path names.
func inherited(path string) (fd int, ok bool) {
	path = filepath.Clean(path)
	if path == "/dev/stdin" {
		return 0, true
	}
	for _, dir := range []string{"/dev/fd/", "/proc/self/fd/"} {
		if number, ok := strings.CutPrefix(path, dir); ok {
			fd, err := strconv.Atoi(number)
			return fd, err == nil && fd >= 0
		}
	}
	return 0, false
}
