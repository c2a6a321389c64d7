// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package watch

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// fingerprint tells whether a path still leads to the same file with the same
// content. The file is not read for that: its time of change (ctime) moves with
// its content, its mode and its owner, and cannot be set back. The zero value
// means that there is no such file or that it cannot be reached.
type fingerprint struct {
	device, inode  uint64
	size           int64
	mtime, changed unix.Timespec
}

func look(path string) fingerprint {
	var s unix.Stat_t
	for {
		switch unix.Stat(path, &s) { // follows every symlink on the way
		case nil:
			return fingerprint{s.Dev, s.Ino, s.Size, s.Mtim, s.Ctim}
		case unix.EINTR:
		default:
			return fingerprint{}
		}
	}
}

// spot is a name in a directory. When that entry is created, replaced or
// written to, the file that a path leads to may be another one.
type spot struct{ dir, name string }

const maxLinks = 40 // as many as the kernel follows

// walk lists the spots that decide where an absolute path leads: each symlink
// on the way, and the file itself or the first name on the way that is missing.
// It watches each spot before it looks at it, so that no change falls between
// the two. Directories that are no symlinks are not spots: they hardly ever
// change, and polling notices when they do.
func walk(path string, watch func(spot)) []spot {
	var spots []spot
	dir, rest := "/", split(path)
	for links := 0; len(rest) > 0; {
		name := rest[0]
		full := filepath.Join(dir, name)
		info, err := os.Lstat(full)
		if last := len(rest) == 1; last || err != nil || !info.IsDir() {
			s := spot{dir, name}
			watch(s)
			spots = append(spots, s)
			info, err = os.Lstat(full)
		}
		switch {
		case err != nil:
			return spots
		case info.Mode()&os.ModeSymlink != 0:
			target, err := os.Readlink(full)
			if links++; err != nil || links > maxLinks {
				return spots
			}
			if filepath.IsAbs(target) {
				dir = "/"
			}
			rest = append(split(target), rest[1:]...)
		default:
			dir, rest = full, rest[1:]
		}
	}
	return spots
}

// split keeps "..", which must not be resolved before the symlinks in front of it
// are. walk's dir has none, so that joining ".." to it is right.
func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}
