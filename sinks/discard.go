// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

var errNotMade = errors.New("it bears the name of a generation, but certagent did not make it")

// removeGeneration removes the directory of a generation, whose record is that of n.
//
// In a directory where only root and this user can rename, it is certagent's by its
// name. Elsewhere somebody may have given that name to another directory, which he could
// not remove himself. So one of root or this user is removed only if it is marked as
// certagent's, or if it holds what its record says; one of the directory's owner, who
// could remove it himself, with what is in it of his.
func (d *directory) removeGeneration(name string, n uint64) error {
	parent, err := descriptor(d.fd).stat()
	if err != nil {
		return &Error{Op: "examining the directory", Path: d.path, Err: err}
	}
	if onlyOursRename(parent) {
		return d.removeTree(name)
	}
	owner := -1 // of the directory of the generation
	return d.removeTreeIf(name, func(tree *directory) error {
		st, err := descriptor(tree.fd).stat()
		if err != nil {
			return err
		}
		uid := int(st.Uid)
		switch {
		case owner >= 0: // one below it
			if uid == owner {
				return nil
			}
		case uid == int(parent.Uid) && !isOwn(uid),
			isOwn(uid) && (st.Mode&unix.S_ISVTX != 0 || d.holdsRecorded(n, name)):
			owner = uid
			return nil
		}
		return errNotMade
	})
}

// onlyOursRename reports whether only root and this user can rename what is theirs in a
// directory.
func onlyOursRename(st unix.Stat_t) bool {
	return isOwn(int(st.Uid)) && (st.Mode&0o022 == 0 || st.Mode&unix.S_ISVTX != 0)
}

// holdsRecorded reports whether a directory holds the files of the record of n.
func (d *directory) holdsRecorded(n uint64, name string) bool {
	record, err := d.readGenerationRecord(n)
	if err != nil {
		return false
	}
	return d.verifyFiles(name, record) == nil
}

// mark marks a directory of this user as one that certagent made.
func (d *directory) mark(name string) {
	tree, err := d.openSubdir(name)
	if err != nil {
		return
	}
	defer tree.close()
	if st, err := descriptor(tree.fd).stat(); err == nil && int(st.Uid) == os.Geteuid() {
		_ = descriptor(tree.fd).chmod(st.Mode&0o7777 | unix.S_ISVTX)
	}
}
