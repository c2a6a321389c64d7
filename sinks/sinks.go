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
// What is already on disk is not written again, and a destination always gets a
// new inode, for there are readers that take an old inode for old content.
//
// The package refuses to write in place, to follow a symbolic link, to decide
// what is published when, and to limit how many publish at once: a caller with
// a thousand generations starts a few dozen at a time.
package sinks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/certagent/certagent/redact"
)

// A File is one file as it shall be on disk.
type File struct {
	// Path is the destination. A relative path is taken from the working
	// directory. If it is a symbolic link, the link is replaced, not what it
	// points to (as Vault Agent does).
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

// A Generation is what [Publish] makes the one that readers see.
type Generation struct {
	// Name is the bundle's. It becomes part of file names: it must be neither
	// empty nor longer than 200 bytes, and hold neither a slash nor a zero byte.
	Name string

	// Number is recorded as it is.
	Number uint64

	// Files are renamed in this order, keys first. The record is kept in the
	// directory of the first.
	Files []File

	// Payload is recorded together with the files: whoever finds the new files
	// after a crash finds it, too.
	Payload json.RawMessage
}

const (
	prefix     = ".certagent-"
	tempSuffix = ".tmp"
	longest    = 200 // of a name, so that what is made of it fits into 255 bytes
)

var (
	errNoDestination = errors.New("missing destination")
	errReserved      = errors.New("names that begin with " + prefix + " are reserved")
	errTwice         = errors.New("destination is named twice")
	errNoFiles       = errors.New("no files")
)

// checked returns g with absolute paths, or why it cannot be published.
func (g Generation) checked() (Generation, error) {
	if err := checkName(g.Name); err != nil {
		return g, err
	}
	if len(g.Files) == 0 {
		return g, fmt.Errorf("publishing %q: %w", g.Name, errNoFiles)
	}
	files := make([]File, len(g.Files))
	for i, f := range g.Files {
		path, err := destination(f.Path)
		if err != nil {
			return g, err
		}
		f.Path = path
		files[i] = f
		for _, earlier := range files[:i] {
			if earlier.Path == path {
				return g, &Error{Op: "publishing", Path: path, Err: errTwice}
			}
		}
	}
	g.Files = files
	return g, nil
}

func checkName(name string) error {
	if name == "" || len(name) > longest || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("%q cannot be the name of a bundle's record: it must have 1 to %d bytes and no slash", name, longest)
	}
	return nil
}

// destination returns the absolute form of a path that may be written to.
func destination(path string) (string, error) {
	if path == "" {
		return "", &Error{Op: "publishing", Err: errNoDestination}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", &Error{Op: "finding the working directory", Path: path, Err: err}
	}
	if strings.HasPrefix(filepath.Base(path), prefix) {
		return "", &Error{Op: "publishing", Path: path, Err: errReserved}
	}
	return path, nil
}
