// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const recordVersion = 1

// A Record says which generation of a bundle is published. It is kept, with mode
// 0600, in ".certagent-<name>.json" in the directory of the first file.
type Record struct {
	Version    int             `json:"version"`
	Name       string          `json:"name"`
	Generation uint64          `json:"generation"`
	Files      []RecordedFile  `json:"files"` // in the order in which they are renamed
	Payload    json.RawMessage `json:"payload,omitempty"`

	// Directory is the bundle's directory, if the bundle has one. Then the record is
	// kept there, in "..gen-<generation>.json".
	Directory string `json:"directory,omitempty"`

	// Previous are the generations in the directory that Rollback can go back to,
	// newest first.
	Previous []uint64 `json:"previous,omitempty"`

	// Rejected is the generation that Rollback put aside to return to this one; 0 if
	// this one was published.
	Rejected uint64 `json:"rejected,omitempty"`

	// Intact says that every file holds what the record says. Recover clears it
	// if a file was changed or is missing, or if the generation could not be
	// completed; the payload stands all the same.
	Intact bool `json:"-"`

	// Untidy says what of the old generation could not be done away with: a file
	// that Recover will remove, a backup that was not made. Mostly nil.
	CleanupErr error `json:"-"`
}

// A RecordedFile is what a record says of a file.
type RecordedFile struct {
	Path   string      `json:"path"`
	SHA256 string      `json:"sha256"` // of the content, in hexadecimal
	Mode   fs.FileMode `json:"mode"`   // as chmod(2) numbers it
	UID    int         `json:"uid"`
	GID    int         `json:"gid"`
	Backup bool        `json:"backup,omitempty"`
}

type sum [sha256.Size]byte

func (f RecordedFile) sum() (s sum, err error) {
	if len(f.SHA256) != hex.EncodedLen(len(s)) {
		return s, hex.ErrLength
	}
	_, err = hex.Decode(s[:], []byte(f.SHA256))
	return s, err
}

// home returns the directory and the name of the record's file.
func (r Record) home() (directory, name string) {
	if r.Directory != "" {
		return r.Directory, generationRecordName(r.Generation)
	}
	return filepath.Dir(r.Files[0].Path), recordName(r.Name)
}

// Save replaces the record of a published generation: its payload has changed.
// After a power cut the former record may be back, complete.
func Save(ctx context.Context, r Record) error {
	content, err := r.encode()
	if err != nil {
		return err
	}
	path, name := r.home()
	d, err := openDirectory(ctx, path, unix.LOCK_SH)
	if err != nil {
		return err
	}
	defer d.close()
	return d.replaceRecord(journalTempName(r.Name), name, content)
}

// replaceRecord replaces a record as a whole.
func (d *directory) replaceRecord(temp, name string, content []byte) error {
	if err := d.writeTemp(temp, d.join(name), content, recordAttributes); err != nil {
		return err
	}
	if err := d.rename(temp, name); err != nil {
		d.remove(temp)
		return &Error{Op: "renaming the new record into place", Path: d.join(name), Err: err}
	}
	return nil
}

// Remove removes the record; the files that it tells of stay.
func Remove(ctx context.Context, r Record) error {
	if err := r.check(); err != nil {
		return err
	}
	path, name := r.home()
	d, err := openDirectory(ctx, path, unix.LOCK_SH)
	if err != nil {
		return err
	}
	defer d.close()
	return d.remove(name)
}

var recordAttributes = attributes{mode: 0o600, uid: -1, gid: -1}

func (r Record) check() error {
	if err := checkName(r.Name); err != nil {
		return fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if r.Version != recordVersion {
		return fmt.Errorf("%w: version %d, not %d", ErrRecord, r.Version, recordVersion)
	}
	if len(r.Files) == 0 {
		return fmt.Errorf("%w: %w", ErrRecord, errNoFiles)
	}
	if r.Directory != "" {
		if err := r.checkDirectory(); err != nil {
			return fmt.Errorf("%w: %w", ErrRecord, err)
		}
	}
	for _, f := range r.Files {
		if path, err := absoluteDestination(f.Path); err != nil || path != f.Path {
			return fmt.Errorf("%w: %q is not a destination", ErrRecord, f.Path)
		}
		if _, err := f.sum(); err != nil {
			return fmt.Errorf("%w: SHA-256 of %q: %w", ErrRecord, f.Path, err)
		}
	}
	return nil
}

// checkDirectory keeps to the directory what is done for a record.
func (r Record) checkDirectory() error {
	d := LinkDir{Path: r.Directory}
	if !filepath.IsAbs(r.Directory) || filepath.Clean(r.Directory) != r.Directory || r.Generation == 0 {
		return fmt.Errorf("%q cannot be the directory of generation %d", r.Directory, r.Generation)
	}
	for _, f := range r.Files {
		if _, err := d.nameOf(f.Path); err != nil {
			return err
		}
	}
	return nil
}

// at returns the record of a directory that is now found under another path.
func (r Record) at(path string) Record {
	files := make([]RecordedFile, len(r.Files))
	for i, f := range r.Files {
		f.Path = filepath.Join(path, strings.TrimPrefix(f.Path, r.Directory))
		files[i] = f
	}
	r.Directory, r.Files = path, files
	return r
}

// located returns where in its generation the files of a record lie.
func (r Record) located() ([]located, error) {
	files := make([]File, len(r.Files))
	for i, f := range r.Files {
		files[i] = File{Path: f.Path}
	}
	return LinkDir{Path: r.Directory}.locate(files)
}
