// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// CheckDestination reports whether a file can be published to path. It creates an
// empty file beside it and removes it again. With createDirs a directory may be
// missing if it could be created. It takes no lock, and so waits for nobody: whoever
// may read the directory can hold one, and publishing says so.
//
// An error that wraps [ErrExposed] is a warning: other users may replace files in
// the directory. Publish writes there nevertheless, because the volumes that
// Kubernetes gives to a pod are such directories.
func CheckDestination(path string, createDirs bool) error {
	path, err := absoluteDestination(path)
	if err != nil {
		return err
	}
	parent := filepath.Dir(path)
	d, err := openUnlocked(parent)
	missing := errors.Is(err, unix.ENOENT)
	for missing && createDirs && errors.Is(err, unix.ENOENT) && parent != "/" {
		parent = filepath.Dir(parent)
		d, err = openUnlocked(parent)
	}
	if err != nil {
		return &Error{Op: "checking whether its directory is writable", Path: path, Err: err}
	}
	defer d.close()
	if err := d.checkWritable(path); err != nil {
		return err
	}
	if !missing {
		if _, err := d.statDestination(filepath.Base(path)); err != nil {
			return err
		}
	}
	return d.checkExposed()
}

func (d *directory) checkWritable(path string) error {
	name := prefix + "check-" + rand.Text() + tempSuffix
	f, err := d.createExclusively(name, attributes{})
	if err != nil {
		return &Error{Op: "checking whether its directory is writable", Path: path, Err: err}
	}
	f.close()
	return d.remove(name)
}

// checkExposed does not report a directory that the group of this process may
// write in.
func (d *directory) checkExposed() error {
	st, err := descriptor(d.fd).stat()
	if err != nil {
		return &Error{Op: "examining the directory", Path: d.path, Err: err}
	}
	others := st.Mode & 0o002
	if int(st.Gid) != os.Getegid() {
		others = st.Mode & 0o022
	}
	if others != 0 && st.Mode&unix.S_ISVTX == 0 {
		return &Error{Op: "checking who may write in the directory", Path: d.path, Err: ErrExposed, hint: "remove the write permission of group and others, or set the sticky bit"}
	}
	return nil
}
