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
type remnant struct {
	move
	placed bool // the destination has the recorded content
	staged bool // the temporary file has it
	left   bool // there is a temporary file; if it is not staged, it is the old file
}

// settle completes a committed generation, or takes it back. It reports whether
// every file is as recorded.
func (r *recovery) settle(ctx context.Context, record Record) (intact bool, err error) {
	remnants := make([]*remnant, len(record.Files))
	complete := true
	for i, f := range record.Files {
		if remnants[i], err = r.inspect(ctx, f, tempName(record.Name, i)); err != nil {
			r.spare(ctx, record)
			return false, fmt.Errorf("completing generation %d of %q: %w", record.Generation, record.Name, err)
		}
		complete = complete && (remnants[i].placed || remnants[i].staged)
	}
	finish := (*remnant).complete
	if !complete {
		finish = (*remnant).takeBack
	}
	for i, rem := range remnants {
		if err := finish(rem); err != nil {
			r.spare(ctx, record)
			return false, &Error{Op: "completing what was begun", Path: record.Files[i].Path, Err: err}
		}
	}
	return complete, r.finish(remnants)
}

// spare keeps a record's temporary files for another attempt.
func (r *recovery) spare(ctx context.Context, record Record) {
	for i, f := range record.Files {
		if o, err := r.open(ctx, filepath.Dir(f.Path)); err == nil {
			o.spared[tempName(record.Name, i)] = true
		}
	}
}

// inspect finds out how far a file got.
func (r *recovery) inspect(ctx context.Context, f RecordedFile, temp string) (*remnant, error) {
	o, err := r.open(ctx, filepath.Dir(f.Path))
	if errors.Is(err, unix.ENOENT) {
		return &remnant{}, nil
	}
	if err != nil {
		return nil, err
	}
	want, err := f.sum()
	if err != nil {
		return nil, err
	}
	rem := &remnant{
		move: move{dir: o.directory, from: temp, to: filepath.Base(f.Path), old: true, backup: backupName(f.Path, f.Backup)},
		left: o.names[temp],
	}
	if rem.placed, err = o.hashes(rem.to, want); err == nil && rem.left {
		rem.staged, err = o.hashes(temp, want)
	}
	if err != nil {
		return nil, &Error{Op: "reading what is there", Path: f.Path, Err: err}
	}
	return rem, nil
}

// complete puts the new file in place; from then names the old one, if any.
func (rem *remnant) complete() error {
	if rem.placed {
		rem.swapped = rem.left && !rem.staged
		return nil
	}
	rem.dir.changed = true
	return rem.do()
}

// takeBack puts the old file in place again.
func (rem *remnant) takeBack() error {
	if !rem.placed || !rem.left || rem.staged {
		return nil
	}
	rem.dir.changed = true
	return rem.exchange()
}

// finish makes the renames durable, and keeps or removes the old files.
func (r *recovery) finish(remnants []*remnant) error {
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
		if err := rem.tidy(); err != nil {
			return err
		}
	}
	return nil
}
