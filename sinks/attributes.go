// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// attributes are the mode and owner that a file is given before its content.
type attributes struct {
	mode     uint32
	uid, gid int  // negative: the process's
	keepUID  bool // uid was not asked for: it is the old file's, kept if the process may
	keepGID  bool
	umask    bool // the umask applies to the mode
}

const specialBits = unix.S_ISUID | unix.S_ISGID

// attributes returns what f gets, given what is at its destination.
func (f File) attributes(old fileInfo) attributes {
	a := attributes{mode: bits(f.Mode), uid: f.UID, gid: f.GID}
	if a.mode == 0 {
		switch {
		case old.known:
			a.mode = old.mode
		case f.Key:
			a.mode = 0o600
		default:
			a.mode = 0o644
		}
	}
	if old.known && f.UID < 0 {
		a.uid, a.keepUID = old.uid, true
	}
	if old.known && f.GID < 0 {
		a.gid, a.keepGID = old.gid, true
	}
	return a
}

// drifted reports whether a file has another mode or owner than was asked for.
func (f File) drifted(is fileInfo) bool {
	return f.Mode != 0 && bits(f.Mode) != is.mode || f.UID >= 0 && f.UID != is.uid || f.GID >= 0 && f.GID != is.gid
}

// bits returns the twelve bits of a mode as chmod(2) numbers them.
func bits(m fs.FileMode) uint32 {
	b := uint32(m & 0o7777)
	if m&fs.ModeSetuid != 0 {
		b |= unix.S_ISUID
	}
	if m&fs.ModeSetgid != 0 {
		b |= unix.S_ISGID
	}
	if m&fs.ModeSticky != 0 {
		b |= unix.S_ISVTX
	}
	return b
}

func (f descriptor) chmod(mode uint32) error {
	return retryEINTR(func() error { return unix.Fchmod(int(f), mode) })
}

// chown sets the owner. An owner that is merely kept is given up where the
// process lacks the privilege, first the user, then the group (as Vault Agent
// does, so that an unprivileged agent can replace root's file).
func (f descriptor) chown(a attributes) error {
	set := func() error {
		if a.uid < 0 && a.gid < 0 {
			return nil // to ask for nothing may be forbidden, too
		}
		return retryEINTR(func() error { return unix.Fchown(int(f), a.uid, a.gid) })
	}
	err := set()
	if err == unix.EPERM && a.keepUID {
		a.uid = -1
		err = set()
	}
	if err == unix.EPERM && a.keepGID {
		a.gid = -1
		err = set()
	}
	return err
}
