// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package watch

import "golang.org/x/sys/unix"

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
