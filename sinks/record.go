// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	recordVersion = 1
	recordSuffix  = ".json"
	recordLimit   = 16 << 20 // bytes; a larger file is none of ours
)

// A Record says which generation of a bundle is published. It is kept in
// ".certagent-<name>.json", mode 0600, in the directory of the first file.
type Record struct {
	Version    int             `json:"version"`
	Name       string          `json:"name"`
	Generation uint64          `json:"generation"`
	Files      []RecordedFile  `json:"files"` // in the order in which they are renamed
	Payload    json.RawMessage `json:"payload,omitempty"`

	// Intact says that every file holds what the record says. Recover clears it
	// if a file was changed or is missing, or if the generation could not be
	// completed; the payload stands all the same.
	Intact bool `json:"-"`

	// Untidy says what of the old generation could not be done away with: a file
	// that Recover will remove, a backup that was not made. Mostly nil.
	Untidy error `json:"-"`
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
	n, err := hex.Decode(s[:], []byte(f.SHA256[:min(len(f.SHA256), 2*len(s))]))
	if err == nil && n != len(s) {
		err = io.ErrUnexpectedEOF
	}
	return s, err
}

func recordName(name string) string      { return prefix + name + recordSuffix }
func journalTempName(name string) string { return prefix + name + "-journal" + tempSuffix }
func tempName(name string, i int) string {
	return fmt.Sprintf("%s%s-%d%s", prefix, name, i, tempSuffix)
}
func (r Record) directory() string         { return filepath.Dir(r.Files[0].Path) }
func (f RecordedFile) backup() (to string) { return File{Path: f.Path, Backup: f.Backup}.backup() }

// backup returns the name of f's backup, or "".
func (f File) backup() string {
	if !f.Backup {
		return ""
	}
	return filepath.Base(f.Path) + ".bak"
}

// Save replaces the record of a published generation: its payload has changed.
// After a power cut the former record may be back, complete.
func Save(ctx context.Context, r Record) error {
	content, err := r.encode()
	if err != nil {
		return err
	}
	d, err := openDirectory(ctx, r.directory(), unix.LOCK_SH)
	if err != nil {
		return err
	}
	defer d.close()
	temp, name := journalTempName(r.Name), recordName(r.Name)
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
	d, err := openDirectory(ctx, r.directory(), unix.LOCK_SH)
	if err != nil {
		return err
	}
	defer d.close()
	return d.remove(recordName(r.Name))
}

var recordAttributes = attributes{mode: 0o600, uid: -1, gid: -1}

func (r Record) encode() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	content, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encoding the record of %q: %w", r.Name, err)
	}
	return content, nil
}

func (r Record) check() error {
	if err := checkName(r.Name); err != nil {
		return err
	}
	if r.Version != recordVersion {
		return fmt.Errorf("%w: version %d, not %d", ErrRecord, r.Version, recordVersion)
	}
	if len(r.Files) == 0 {
		return fmt.Errorf("%w: %w", ErrRecord, errNoFiles)
	}
	for _, f := range r.Files {
		if path, err := destination(f.Path); err != nil || path != f.Path {
			return fmt.Errorf("%w: %q is not a destination", ErrRecord, f.Path)
		}
		if _, err := f.sum(); err != nil {
			return fmt.Errorf("%w: SHA-256 of %q: %w", ErrRecord, f.Path, err)
		}
	}
	return nil
}

// readRecord reads the record in a file of d. A file that somebody else could
// have written is not believed: it would have us rename what its author may not.
func (d *directory) readRecord(file string) (r Record, err error) {
	f, err := d.open(file)
	if err != nil {
		return r, err
	}
	defer f.close()
	st, err := f.stat()
	if err != nil {
		return r, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0 {
		return r, errForeign
	}
	content, err := io.ReadAll(io.LimitReader(f, recordLimit))
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(content, &r); err != nil {
		return r, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if name := strings.TrimSuffix(strings.TrimPrefix(file, prefix), recordSuffix); r.Name != name {
		return r, fmt.Errorf("%w: it is that of %q", ErrRecord, r.Name)
	}
	return r, r.check()
}

var errForeign = fmt.Errorf("%w: it is not a file that only this user can write", ErrRecord)
