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
)

const recordVersion = 1

// A Record describes the published generation of a bundle. It is kept, with mode
// 0600, in ".certagent-<name>.json" in the directory of the first file.
type Record struct {
	Version    int             `json:"version"`
	Name       string          `json:"name"`
	Generation uint64          `json:"generation"`
	Files      []RecordedFile  `json:"files"` // in the order in which they are renamed
	Payload    json.RawMessage `json:"payload,omitempty"`

	// Directory is the path of the [LinkDir] that published the generation, if any.
	// The record is kept there, in "..gen-<generation>.json".
	Directory string `json:"directory,omitempty"`

	// Previous are the generations in the directory that Rollback can return to,
	// newest first.
	Previous []uint64 `json:"previous,omitempty"`

	// Rejected is the generation that Rollback replaced by this one; 0 if this one
	// was published.
	Rejected uint64 `json:"rejected,omitempty"`

	// Intact is whether every file has the recorded content. Recover clears it if a
	// file was changed or is missing, or if the generation could not be completed;
	// the payload is valid nevertheless.
	Intact bool `json:"-"`

	// CleanupErr is why something of the old generation is left: a file that could
	// not be removed, which Recover removes, or a backup that could not be made. It
	// is usually nil.
	CleanupErr error `json:"-"`
}

// A RecordedFile is a file in a record.
type RecordedFile struct {
	Path   string      `json:"path"`
	SHA256 string      `json:"sha256"` // of the content, in hexadecimal
	Mode   fs.FileMode `json:"mode"`   // as chmod(2) numbers it
	UID    int         `json:"uid"`
	GID    int         `json:"gid"`
	Backup bool        `json:"backup,omitempty"`
	Key    bool        `json:"key,omitempty"` // it holds a private key
}

type sum [sha256.Size]byte

func (f RecordedFile) sum() (s sum, err error) {
	if len(f.SHA256) != hex.EncodedLen(len(s)) {
		return s, hex.ErrLength
	}
	_, err = hex.Decode(s[:], []byte(f.SHA256))
	return s, err
}

// place returns the directory and the name of the record's file.
func (r Record) place() (directory, name string) {
	if r.Directory != "" {
		return r.Directory, generationRecordName(r.Generation)
	}
	return filepath.Dir(r.Files[0].Path), recordName(r.Name)
}

// Save replaces the record of a published generation, whose payload has changed.
// After a power failure the former record may reappear, undamaged.
func Save(ctx context.Context, r Record) error {
	content, err := r.encode()
	if err != nil {
		return err
	}
	path, name := r.place()
	d, err := openDirectory(ctx, path)
	if err != nil {
		return err
	}
	defer d.close()
	return d.replaceRecord(journalTempName(r.Name), name, content)
}

// Remove removes a record. The recorded files stay.
func Remove(ctx context.Context, r Record) error {
	if err := r.check(); err != nil {
		return err
	}
	path, name := r.place()
	d, err := openDirectory(ctx, path)
	if err != nil {
		return err
	}
	defer d.close()
	return d.remove(name)
}

// check returns an error that wraps ErrRecord if a record that was read must not be
// used, or if one must not be written.
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

// checkDirectory makes sure that what is done for a record is done in its directory.
func (r Record) checkDirectory() error {
	d := LinkDir{Path: r.Directory}
	if !filepath.IsAbs(r.Directory) || filepath.Clean(r.Directory) != r.Directory || r.Generation == 0 {
		return fmt.Errorf("%q cannot be the directory of generation %d", r.Directory, r.Generation)
	}
	for _, f := range r.Files {
		if _, err := d.check(f.Path); err != nil {
			return err
		}
	}
	return nil
}

// movedTo returns the record of a LinkDir that is now found under another path.
func (r Record) movedTo(path string) Record {
	files := make([]RecordedFile, len(r.Files))
	for i, f := range r.Files {
		f.Path = filepath.Join(path, strings.TrimPrefix(f.Path, r.Directory))
		files[i] = f
	}
	r.Directory, r.Files = path, files
	return r
}

// names returns the paths of the files relative to the LinkDir.
func (r Record) names() []string {
	names := make([]string, len(r.Files))
	for i, f := range r.Files {
		names[i] = LinkDir{Path: r.Directory}.relative(f.Path)
	}
	return names
}
