// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import "golang.org/x/sys/unix"

// found is what a name in a directory stands for.
type fileInfo struct {
	exists  bool
	regular bool
	size    uint64
	known   bool // of what follows: a symbolic link may point nowhere
	mode    uint32
	uid     int
	gid     int
}

// look says what name is. Of a symbolic link it tells the mode and owner of what
// the link points to, for those are what Vault Agent keeps when it replaces the
// link.
func (d *directory) statDestination(name string) (fileInfo, error) {
	st, err := d.statx(name, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT {
		return fileInfo{}, nil
	}
	if err == nil {
		err = checkReplaceable(st)
	}
	if err != nil {
		return fileInfo{}, &Error{Op: "looking at what is there", Path: d.join(name), Err: err}
	}
	f := fileInfo{exists: true, regular: fileType(st) == unix.S_IFREG, size: st.Size, known: true}
	if !f.regular {
		st, err = d.statx(name, 0)
		f.known = err == nil
	}
	f.mode, f.uid, f.gid = uint32(st.Mode&0o7777), int(st.Uid), int(st.Gid)
	return f, nil
}

func (d *directory) statx(name string, flags int) (st unix.Statx_t, err error) {
	const mask = unix.STATX_TYPE | unix.STATX_MODE | unix.STATX_UID | unix.STATX_GID | unix.STATX_SIZE
	err = retryEINTR(func() error { return unix.Statx(d.fd, name, flags, mask, &st) })
	return st, err
}

func fileType(st unix.Statx_t) uint16 { return st.Mode & unix.S_IFMT }

// replaceable refuses at once what a rename would refuse after the commit, and
// what nobody means to replace by a file.
func checkReplaceable(st unix.Statx_t) error {
	switch fileType(st) {
	case unix.S_IFREG, unix.S_IFLNK:
	case unix.S_IFDIR:
		return unix.EISDIR
	default:
		return ErrNotRegular
	}
	if st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return unix.EBUSY
	}
	if st.Attributes&(unix.STATX_ATTR_IMMUTABLE|unix.STATX_ATTR_APPEND) != 0 {
		return unix.EPERM
	}
	return nil
}
