// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package sinks writes to disk: the files of a generation, so that readers find
// either the old set or the new one, and the login token.
//
// A generation is published file by file under a journal. Every file is written
// beside its destination and made durable; then one rename, that of the journal,
// commits the generation; then the files are renamed into place back to back.
// A process that is killed anywhere in between, or a machine that loses power,
// leaves what [Recover] completes or clears away. The journal stays as the
// record of what is published and carries the caller's payload.
//
// The files of a bundle that has a [Directory] are published all at once, by the
// rename of one link; there the generations keep their records themselves, and no
// journal is needed.
//
// What is already on disk is not written again, and a destination always gets a
// new inode, for there are readers that take an old inode for old content.
//
// The package refuses to write in place, to follow a symbolic link of others, to decide
// what is published when, and to limit how many publish at once: a caller with
// a thousand generations starts a few dozen at a time.
package sinks

import (
	"io/fs"

	"github.com/certagent/certagent/redact"
)

// A File is one file as it shall be on disk.
type File struct {
	// Path is the destination. A relative path is taken from the working
	// directory. If it is a symbolic link, the link is replaced, not what it
	// points to (as Vault Agent does). For a [Directory] see its Publish.
	Path string

	Content redact.Bytes

	// Mode holds the twelve permission bits as chmod(2) numbers them; Go's own
	// bits for setuid, setgid and sticky mean the same. Zero keeps the mode of
	// an existing file; a new one gets 0644, or 0600 if Key is set.
	Mode fs.FileMode

	// UID and GID are the owner. A negative number keeps that of an existing
	// file where the process may, and is the process's own for a new file.
	UID, GID int

	// CreateDirs makes the missing directories of Path, with mode 0755 less the
	// umask.
	CreateDirs bool

	// Backup keeps the file that is replaced under Path+".bak", with the mode
	// and owner it had.
	Backup bool

	// Key says that the file holds a private key. Keys are renamed before the
	// other files.
	Key bool
}
