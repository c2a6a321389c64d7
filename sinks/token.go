// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"io/fs"
	"path/filepath"

	"github.com/certagent/certagent/redact"
)

// A Token is a file sink: a file for the login token, as in Vault Agent's
// documentation.
type Token struct {
	// Path is the destination. Its directory must exist.
	Path string

	// Mode is subject to the umask. Zero means 0640.
	Mode fs.FileMode

	// UID and GID are the owner. Negative numbers mean the process's own.
	UID, GID int
}

// Write replaces the file atomically and durably by a new inode. It adds nothing to
// the token, not even a newline. The system calls, after those that open and lock
// the directory and examine the destination:
//
//	openat(dir, temp, O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, mode)
//	fchown    if an owner was asked for
//	write
//	fsync
//	close
//	renameat(dir, temp, dir, path)
//	fsync(dir)
func (t Token) Write(ctx context.Context, token redact.Bytes) error {
	return explain(t.write(ctx, token))
}

func (t Token) write(ctx context.Context, token redact.Bytes) error {
	path, err := absoluteDestination(t.Path)
	if err != nil {
		return err
	}
	d, err := openLocked(ctx, filepath.Dir(path), false)
	if err != nil {
		return err
	}
	defer d.close()
	base := filepath.Base(path)
	if _, err := d.statDestination(base); err != nil {
		return err
	}
	a := attributes{mode: bits(t.Mode), uid: t.UID, gid: t.GID, umask: true}
	if a.mode == 0 {
		a.mode = 0o640
	}
	temp := tokenTempName(path)
	if err := d.writeTemp(temp, path, token, a); err != nil {
		return err
	}
	if err := d.rename(temp, base); err != nil {
		d.remove(temp)
		return &Error{Op: "renaming the new file into place", Path: path, Err: err}
	}
	return d.sync()
}
