// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// interruptedFile is a file of a committed generation as a crash left it.
type interruptedFile struct {
	replacement
	inPlace    bool // the destination has the recorded content
	staged     bool // the temporary file has it
	tempExists bool // there is a temporary file; if it is not staged, it is the old file
}

// completeOrRevert completes a committed generation, or restores the old one. It
// reports whether every file is as recorded.
func (r *recovery) completeOrRevert(ctx context.Context, record Record) (intact bool, err error) {
	files := make([]*interruptedFile, len(record.Files))
	complete := true
	for i, f := range record.Files {
		if files[i], err = r.inspectFile(ctx, f, tempName(record.Name, i)); err != nil {
			r.keepTempFiles(ctx, record)
			return false, fmt.Errorf("completing generation %d of %q: %w", record.Generation, record.Name, err)
		}
		complete = complete && (files[i].inPlace || files[i].staged)
	}
	finish := (*interruptedFile).complete
	if !complete {
		finish = (*interruptedFile).revert
	}
	for i, f := range files {
		if err := finish(f); err != nil {
			r.keepTempFiles(ctx, record)
			return false, &Error{Op: "completing an interrupted publish", Path: record.Files[i].Path, Err: err}
		}
	}
	return complete, syncAndRemoveOld(files)
}

// keepTempFiles keeps the temporary files of a record for another attempt.
func (r *recovery) keepTempFiles(ctx context.Context, record Record) {
	for i, f := range record.Files {
		if l, err := r.open(ctx, filepath.Dir(f.Path)); err == nil {
			l.kept[tempName(record.Name, i)] = true
		}
	}
}

// inspectFile finds out what a crash left of a file.
func (r *recovery) inspectFile(ctx context.Context, f RecordedFile, temp string) (*interruptedFile, error) {
	l, err := r.open(ctx, filepath.Dir(f.Path))
	if errors.Is(err, unix.ENOENT) {
		return &interruptedFile{}, nil
	}
	if err != nil {
		return nil, err
	}
	want, err := f.sum()
	if err != nil {
		return nil, err
	}
	i := &interruptedFile{
		replacement: replacement{dir: l.directory, from: temp, to: filepath.Base(f.Path), old: true, backup: backupName(f.Path, f.Backup)},
		tempExists:  l.ourNames[temp],
	}
	if i.inPlace, err = l.hasSHA256(i.to, want); err == nil && i.tempExists {
		i.staged, err = l.hasSHA256(temp, want)
	}
	if err != nil {
		return nil, &Error{Op: "reading the existing file", Path: f.Path, Err: err}
	}
	return i, nil
}

// complete renames the new file into place.
func (i *interruptedFile) complete() error {
	if i.inPlace {
		i.exchanged = i.tempExists && !i.staged
		return nil
	}
	i.dir.changed = true
	return i.apply()
}

// revert restores the old file.
func (i *interruptedFile) revert() error {
	if !i.inPlace || !i.tempExists || i.staged {
		return nil
	}
	i.dir.changed = true
	return i.exchange()
}

// syncAndRemoveOld makes the renames durable, and then removes the old files or
// keeps them as backups.
func syncAndRemoveOld(files []*interruptedFile) error {
	for _, f := range files {
		if f.dir == nil || !f.dir.changed {
			continue
		}
		if err := f.dir.sync(); err != nil {
			return err
		}
		f.dir.changed = false
	}
	for _, f := range files {
		if err := f.removeOld(); err != nil {
			return err
		}
	}
	return nil
}
