// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package watch

import "golang.org/x/sys/unix"

// fingerprint identifies the file that a path leads to, and its content, without
// reading it: the time of change (ctime) changes with content, mode and owner, and
// cannot be set back. The zero value means that there is no such file, or that it
// cannot be reached.
type fingerprint struct {
	device, inode  uint64
	size           int64
	mtime, changed unix.Timespec
}

// fingerprintOf returns the fingerprint of the file that a path leads to now.
func fingerprintOf(path string) fingerprint {
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
