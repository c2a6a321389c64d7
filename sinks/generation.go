// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/safefile"
)

// A Generation is a set of files that readers are to see together.
type Generation struct {
	// Name is the name of the bundle. It becomes part of file names: it must have
	// 1 to 200 bytes, without a slash and a zero byte.
	Name string

	// Number is recorded as it is, except that a [LinkDir] may choose a higher one.
	Number uint64

	// Files are renamed into place in this order, keys first. The record is in the
	// directory of the file that is renamed first, or in the bundle's directory.
	Files []File

	// Payload is recorded together with the files: a process that finds the new
	// files after a crash also finds the payload.
	Payload json.RawMessage
}

// A File is a file as it is to be on disk.
type File struct {
	// Path is the destination. A relative path is relative to the working
	// directory; for a [LinkDir] see its Publish. A symbolic link is replaced, not
	// the file that it points to (as in Vault Agent).
	Path string

	Content redact.Bytes

	// Mode holds the twelve permission bits as chmod(2) numbers them; Go's own bits
	// for setuid, setgid and sticky mean the same. Zero keeps the mode of an
	// existing file, unless another user could have put it there, or it is a key that
	// others than its owner and group can access; then, and for a new file, it is 0644,
	// or 0600 if Key is set.
	Mode fs.FileMode

	// UID and GID are the owner. A negative number keeps that of an existing file
	// if the process is allowed to set it, and no other user could have put the file
	// there. It is the process's own for a new file.
	UID, GID int

	// CreateDirs creates the missing directories of Path, with mode 0755 less the
	// umask.
	CreateDirs bool

	// Backup keeps the replaced file under Path+".bak", with its mode and owner.
	Backup bool

	// Key marks a private key. Keys are renamed into place before other files.
	Key bool
}

var (
	errDuplicate = errors.New("destination is named twice")
	errNoFiles   = errors.New("no files")
)

// checked returns g with absolute paths, or the reason why it cannot be published.
func (g Generation) checked() (Generation, error) {
	if err := checkName(g.Name); err != nil {
		return g, err
	}
	if len(g.Files) == 0 {
		return g, fmt.Errorf("publishing %q: %w", g.Name, errNoFiles)
	}
	files := make([]File, len(g.Files))
	for i, f := range g.Files {
		path, err := absoluteDestination(f.Path)
		if err != nil {
			return g, err
		}
		if len(f.Content) > safefile.MaxPublished {
			return g, &Error{Op: "publishing", Path: path, Err: errTooLarge}
		}
		f.Path = path
		files[i] = f
		for _, earlier := range files[:i] {
			if earlier.Path == path {
				return g, &Error{Op: "publishing", Path: path, Err: errDuplicate}
			}
		}
	}
	g.Files = files
	return g, nil
}

// keysFirst returns the files in the order in which they are renamed into place.
func keysFirst(files []File) []File {
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b File) int {
		switch {
		case a.Key == b.Key:
			return 0
		case a.Key:
			return -1
		}
		return 1
	})
	return files
}
