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

// A remnant is a file of a committed generation, as a crash left it.
type interruptedFile struct {
	replacement
	inPlace    bool // the destination has the recorded content
	staged     bool // the temporary file has it
	tempExists bool // there is a temporary file; if it is not staged, it is the old file
}

// settle completes a committed generation, or takes it back. It reports whether
// every file is as recorded.
func (r *recovery) completeOrRevert(ctx context.Context, record Record) (intact bool, err error) {
	remnants := make([]*interruptedFile, len(record.Files))
	complete := true
	for i, f := range record.Files {
		if remnants[i], err = r.inspectFile(ctx, f, tempName(record.Name, i)); err != nil {
			r.keepTempFiles(ctx, record)
			return false, fmt.Errorf("completing generation %d of %q: %w", record.Generation, record.Name, err)
		}
		complete = complete && (remnants[i].inPlace || remnants[i].staged)
	}
	finish := (*interruptedFile).complete
	if !complete {
		finish = (*interruptedFile).revert
	}
	for i, rem := range remnants {
		if err := finish(rem); err != nil {
			r.keepTempFiles(ctx, record)
			return false, &Error{Op: "completing what was begun", Path: record.Files[i].Path, Err: err}
		}
	}
	return complete, r.syncAndRemoveOld(remnants)
}

// spare keeps a record's temporary files for another attempt.
func (r *recovery) keepTempFiles(ctx context.Context, record Record) {
	for i, f := range record.Files {
		if o, err := r.open(ctx, filepath.Dir(f.Path)); err == nil {
			o.kept[tempName(record.Name, i)] = true
		}
	}
}

// inspect finds out how far a file got.
func (r *recovery) inspectFile(ctx context.Context, f RecordedFile, temp string) (*interruptedFile, error) {
	o, err := r.open(ctx, filepath.Dir(f.Path))
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
	rem := &interruptedFile{
		replacement: replacement{dir: o.directory, from: temp, to: filepath.Base(f.Path), old: true, backup: backupName(f.Path, f.Backup)},
		tempExists:  o.ourNames[temp],
	}
	if rem.inPlace, err = o.hasSHA256(rem.to, want); err == nil && rem.tempExists {
		rem.staged, err = o.hasSHA256(temp, want)
	}
	if err != nil {
		return nil, &Error{Op: "reading what is there", Path: f.Path, Err: err}
	}
	return rem, nil
}

// complete puts the new file in place; from then names the old one, if any.
func (rem *interruptedFile) complete() error {
	if rem.inPlace {
		rem.swapped = rem.tempExists && !rem.staged
		return nil
	}
	rem.dir.changed = true
	return rem.apply()
}

// takeBack puts the old file in place again.
func (rem *interruptedFile) revert() error {
	if !rem.inPlace || !rem.tempExists || rem.staged {
		return nil
	}
	rem.dir.changed = true
	return rem.exchange()
}

// finish makes the renames durable, and keeps or removes the old files.
func (r *recovery) syncAndRemoveOld(remnants []*interruptedFile) error {
	for _, rem := range remnants {
		if rem.dir == nil || !rem.dir.changed {
			continue
		}
		if err := rem.dir.sync(); err != nil {
			return err
		}
		rem.dir.changed = false
	}
	for _, rem := range remnants {
		if err := rem.removeOld(); err != nil {
			return err
		}
	}
	return nil
}
