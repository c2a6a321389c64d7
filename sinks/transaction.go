// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// transaction is one Publish of a [Journal].
type transaction struct {
	record  Record
	dirs    []*directory   // the first one holds the journal
	files   []*pendingFile // keys first
	journal replacement
	encoded []byte // the journal's content
}

// pendingFile is a file that has to be written.
type pendingFile struct {
	replacement
	file       File
	attributes attributes
	staged     bool
}

// prepare opens the directories and finds out which files have to be written.
func (t *transaction) prepare(ctx context.Context, g Generation) error {
	t.record = Record{Version: recordVersion, Name: g.Name, Generation: g.Number, Payload: g.Payload}
	files := keysFirst(g.Files)
	first, err := t.openDirOf(ctx, files[0])
	if err != nil {
		return err
	}
	t.journal = replacement{dir: first, from: journalTempName(g.Name), to: recordName(g.Name), old: true}

	for i, f := range files {
		if err := t.add(ctx, f, tempName(g.Name, i)); err != nil {
			return err
		}
	}
	t.encoded, err = t.record.encode()
	return err
}

// add records a file, and adds it to t.files if it has to be written.
func (t *transaction) add(ctx context.Context, f File, temp string) error {
	d, err := t.openDirOf(ctx, f)
	if err != nil {
		return err
	}
	base := filepath.Base(f.Path)
	is, err := d.statDestination(base)
	if err != nil {
		return err
	}
	status, err := d.compareAndRepair(base, f, is)
	if err != nil {
		return err
	}
	a := f.attributes(is)
	t.record.Files = append(t.record.Files, f.recorded(a))
	if status == Content {
		d.changed = true
		t.files = append(t.files, &pendingFile{
			replacement: replacement{dir: d, from: temp, to: base, old: is.exists, backup: backupName(f.Path, f.Backup)},
			file:        f,
			attributes:  a,
		})
	}
	return nil
}

func (f File) recorded(a attributes) RecordedFile {
	content := sha256.Sum256(f.Content)
	r := RecordedFile{Path: f.Path, SHA256: hex.EncodeToString(content[:]), Mode: fs.FileMode(a.mode), UID: a.uid, GID: a.gid, Backup: f.Backup, Key: f.Key}
	if r.UID < 0 {
		r.UID = os.Geteuid()
	}
	if r.GID < 0 {
		r.GID = os.Getegid()
	}
	return r
}

// openDirOf returns the directory of f. Each directory is opened once.
func (t *transaction) openDirOf(ctx context.Context, f File) (*directory, error) {
	path := filepath.Dir(f.Path)
	for _, d := range t.dirs {
		if d.path == path {
			return d, nil
		}
	}
	d, err := openDirectory(ctx, path)
	if errors.Is(err, unix.ENOENT) {
		if !f.CreateDirs {
			return nil, &Error{Op: "opening its directory", Path: f.Path, Err: unix.ENOENT, hint: "create the directory, or set create_dest_dirs"}
		}
		if err := createDirectory(path); err != nil {
			return nil, err
		}
		d, err = openDirectory(ctx, path)
	}
	if err != nil {
		return nil, &Error{Op: "opening its directory", Path: f.Path, Err: err}
	}
	t.dirs = append(t.dirs, d)
	return d, nil
}

// stage writes all temporary files concurrently: most of the time is spent waiting
// for the disk.
func (t *transaction) stage(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	errs := make([]error, len(t.files))
	var all sync.WaitGroup
	for i, f := range t.files {
		all.Go(func() {
			errs[i] = f.dir.writeTemp(f.from, f.file.Path, f.file.Content, f.attributes)
			f.staged = errs[i] == nil
		})
	}
	j := t.journal
	err := j.dir.writeTemp(j.from, j.dir.join(j.to), t.encoded, recordAttributes)
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return ctx.Err()
}

// commit renames the new journal into place. From now on Recover completes this
// generation.
func (t *transaction) commit() error {
	if err := t.sync(t.dirs[1:]); err != nil {
		return err
	}
	if err := t.journal.apply(); err != nil {
		return &Error{Op: "renaming the journal into place", Path: t.journal.dir.join(t.journal.to), Err: err}
	}
	return t.journal.dir.sync()
}

func (t *transaction) renameIntoPlace() error {
	for _, f := range t.files {
		if err := f.apply(); err != nil {
			return &Error{Op: "renaming the new file into place", Path: f.file.Path, Err: err}
		}
	}
	return t.sync(t.dirs)
}

// sync makes the names of the pending files in dirs durable.
func (t *transaction) sync(dirs []*directory) error {
	for _, d := range dirs {
		if !d.changed {
			continue
		}
		if err := d.sync(); err != nil {
			return err
		}
	}
	return nil
}

// abort restores the old generation. If a file cannot be restored, it changes
// nothing: Recover finds the journal and completes the new generation.
func (t *transaction) abort() error {
	for _, f := range t.files {
		if !f.reversible() {
			return nil
		}
	}
	for _, f := range slices.Backward(t.files) {
		if err := f.undo(); err != nil {
			return &Error{Op: "restoring the old file", Path: f.file.Path, Err: err}
		}
	}
	if !t.journal.reversible() {
		return nil
	}
	if err := t.journal.undo(); err != nil {
		return &Error{Op: "restoring the old journal", Path: t.journal.dir.join(t.journal.to), Err: err}
	}
	for _, f := range t.files {
		if f.staged {
			f.dir.remove(f.from)
		}
	}
	t.journal.dir.remove(t.journal.from)
	return nil
}

// removeOld removes the old files and the old journal, or keeps them as backups.
func (t *transaction) removeOld() error {
	errs := make([]error, 0, len(t.files)+1)
	for _, f := range t.files {
		errs = append(errs, f.removeOld())
	}
	return errors.Join(append(errs, t.journal.removeOld())...)
}

func (t *transaction) close() {
	for _, d := range t.dirs {
		d.close()
	}
}
