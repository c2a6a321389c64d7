// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// attributes are the mode and owner that a new file gets before its content.
type attributes struct {
	mode     uint32
	uid, gid int  // negative: the process's
	keepUID  bool // uid is that of the old file; without the privilege to set it, it is not kept
	keepGID  bool
	umask    bool // the umask applies to mode
}

const specialBits = unix.S_ISUID | unix.S_ISGID

// attributes returns the mode and owner of the new file, given the old one. They are
// not taken from a file that somebody else could have put there beforehand, nor does a
// key stay readable for everybody.
func (f File) attributes(old fileInfo) attributes {
	a := attributes{mode: bits(f.Mode), uid: f.UID, gid: f.GID}
	inherit := old.known && old.trusted && !(f.Key && old.foreignTarget)
	if a.mode == 0 {
		switch {
		case f.Key && (!inherit || old.mode&othersBits != 0):
			a.mode = keyMode
		case inherit:
			a.mode = old.mode
		default:
			a.mode = fileMode
		}
	}
	if inherit && f.UID < 0 {
		a.uid, a.keepUID = old.uid, true
	}
	if inherit && f.GID < 0 {
		a.gid, a.keepGID = old.gid, true
	}
	return a
}

const (
	keyMode    = 0o600
	fileMode   = 0o644
	othersBits = 0o007
)

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

// chown sets the owner. Without the privilege to keep the old file's owner it
// keeps only the group, or neither (as in Vault Agent, so that an unprivileged
// agent can replace root's file).
func (f descriptor) chown(a attributes) error {
	set := func() error {
		if a.uid < 0 && a.gid < 0 {
			return nil // even a call that changes nothing may be forbidden
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

// setAttributes sets the mode and owner of a directory.
func (d *directory) setAttributes(a attributes) error {
	if err := descriptor(d.fd).chmod(a.mode); err != nil {
		return &Error{Op: "setting the mode", Path: d.path, Err: err}
	}
	if err := descriptor(d.fd).chown(a); err != nil {
		return notOwner("setting the owner", d.path, a, err)
	}
	if a.mode&specialBits != 0 { // chown clears them
		if err := descriptor(d.fd).chmod(a.mode); err != nil {
			return &Error{Op: "setting the mode", Path: d.path, Err: err}
		}
	}
	return nil
}

// fileInfo is what statDestination found.
type fileInfo struct {
	exists  bool
	regular bool
	size    uint64
	known   bool // whether mode, uid and gid are known: a symbolic link may point nowhere
	mode    uint32
	uid     int
	gid     int

	// trusted is whether nobody but root, this user and the owner could have put the
	// file there: then its mode and owner are somebody's decision.
	trusted bool
	// foreignTarget is whether a symbolic link leads to a file of another user than
	// root and this one, who can change its mode.
	foreignTarget bool
}

// statDestination returns what is at a destination, and an error if it cannot be
// replaced by a file. For a symbolic link, mode and owner are those of the file
// that it points to: Vault Agent keeps these when it replaces the link.
func (d *directory) statDestination(name string) (fileInfo, error) {
	st, err := d.statx(name, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT {
		return fileInfo{}, nil
	}
	if err == nil {
		err = checkReplaceable(st)
	}
	if err != nil {
		return fileInfo{}, &Error{Op: "examining the existing file", Path: d.join(name), Err: err}
	}
	f := fileInfo{exists: true, regular: fileType(st) == unix.S_IFREG, size: st.Size, known: true, trusted: d.trusts(name, int(st.Uid))}
	if !f.regular {
		st, err = d.statx(name, 0)
		f.known = err == nil
		f.foreignTarget = !isOwn(int(st.Uid))
	}
	f.mode, f.uid, f.gid = uint32(st.Mode&0o7777), int(st.Uid), int(st.Gid)
	return f, nil
}

// isOwn reports whether a user is root or that of this process.
func isOwn(uid int) bool { return uid == 0 || uid == os.Geteuid() }

// trusts reports whether a file with this owner was put at name by root, by this user,
// or by its owner in a directory where no other user can put files.
func (d *directory) trusts(name string, owner int) bool {
	if isOwn(owner) {
		return true
	}
	var st unix.Stat_t
	if err := retryEINTR(func() error { return unix.Fstatat(d.fd, filepath.Dir(name), &st, 0) }); err != nil {
		return false
	}
	return (isOwn(int(st.Uid)) || int(st.Uid) == owner) && st.Mode&0o022 == 0
}

func (d *directory) statx(name string, flags int) (st unix.Statx_t, err error) {
	const mask = unix.STATX_TYPE | unix.STATX_MODE | unix.STATX_UID | unix.STATX_GID | unix.STATX_SIZE
	err = retryEINTR(func() error { return unix.Statx(d.fd, name, flags, mask, &st) })
	return st, err
}

func fileType(st unix.Statx_t) uint16 { return st.Mode & unix.S_IFMT }

// checkReplaceable returns an error for a file that the rename after the commit
// would fail to replace, and for one that should not be replaced by a file.
func checkReplaceable(st unix.Statx_t) error {
	switch fileType(st) {
	case unix.S_IFREG, unix.S_IFLNK:
	case unix.S_IFDIR:
		return unix.EISDIR
	default:
		return ErrNotRegular
	}
	if st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return errMountPoint
	}
	if st.Attributes&(unix.STATX_ATTR_IMMUTABLE|unix.STATX_ATTR_APPEND) != 0 {
		return errImmutable
	}
	return nil
}
