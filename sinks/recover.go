// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Recover cleans up in the directories after whatever ended an earlier process,
// and returns what is recorded there. It runs before the first [Publish], and
// waits for other processes that publish in these directories.
//
// A generation that was committed is completed. If it cannot be, because a file
// that was not yet in place is damaged, the old files are put back where they are
// still there, and the record is returned as not intact: the caller publishes
// anew, and what the payload says is owed stays owed. Temporary files that no
// record speaks of are removed.
//
// The error tells of everything that went wrong, and the records are valid even
// so. A record that is damaged or of another version is put aside under its name
// and ".bad"; one that others could have written is left alone. Nothing but
// destinations in a record, their backups, and names that begin with
// ".certagent-" is touched. A directory that does not exist holds no records.
func Recover(ctx context.Context, dirs []string) ([]Record, error) {
	r := recovery{dirs: map[string]*opened{}, spared: map[string]bool{}}
	defer r.close()
	for _, path := range slices.Sorted(slices.Values(dirs)) {
		path, err := filepath.Abs(path)
		if err == nil {
			_, err = r.open(ctx, path)
		}
		if err != nil && !errors.Is(err, unix.ENOENT) {
			r.errs = append(r.errs, err)
		}
	}
	var records []Record
	for _, path := range slices.Sorted(maps.Keys(r.dirs)) {
		records = append(records, r.settleAll(ctx, r.dirs[path])...)
	}
	r.sweep()
	return records, errors.Join(r.errs...)
}

// recovery is one run of Recover.
type recovery struct {
	dirs   map[string]*opened
	spared map[string]bool // temporary files that must stay
	errs   []error
}

// opened is a directory that nobody publishes in, and our names there.
type opened struct {
	*directory
	names map[string]bool
}

func (r *recovery) open(ctx context.Context, path string) (*opened, error) {
	if o := r.dirs[path]; o != nil {
		return o, nil
	}
	d, err := openDirectory(ctx, path, unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	names, err := d.list()
	if err != nil {
		d.close()
		return nil, err
	}
	o := &opened{d, names}
	r.dirs[path] = o
	return o, nil
}

// list returns the names in the directory that are ours.
func (d *directory) list() (map[string]bool, error) {
	ours := map[string]bool{}
	buf := make([]byte, 32<<10)
	for {
		var n int
		err := retry(func() (err error) { n, err = unix.ReadDirent(d.fd, buf); return err })
		if err != nil {
			return nil, &Error{Op: "listing the directory", Path: d.path, Err: err}
		}
		if n == 0 {
			return ours, nil
		}
		_, _, names := unix.ParseDirent(buf[:n], -1, nil)
		for _, name := range names {
			if strings.HasPrefix(name, prefix) {
				ours[name] = true
			}
		}
	}
}

// settleAll returns the records in a directory.
func (r *recovery) settleAll(ctx context.Context, o *opened) (records []Record) {
	for _, file := range slices.Sorted(maps.Keys(o.names)) {
		if !strings.HasSuffix(file, recordSuffix) {
			continue
		}
		record, err := o.readRecord(file)
		if err != nil {
			r.reject(o, file, err)
			continue
		}
		if record.Intact, err = r.settle(ctx, record); err != nil {
			r.errs = append(r.errs, err)
		}
		records = append(records, record)
	}
	return records
}

// reject deals with a record that cannot be used.
func (r *recovery) reject(o *opened, file string, err error) {
	r.errs = append(r.errs, &Error{Op: "reading the record", Path: o.join(file), Err: err})
	if errors.Is(err, ErrRecord) && !errors.Is(err, errForeign) {
		if err := o.rename(file, file+".bad"); err != nil {
			r.errs = append(r.errs, &Error{Op: "putting the record aside", Path: o.join(file), Err: err})
		}
		return
	}
	stem := strings.TrimSuffix(file, recordSuffix) + "-"
	for name := range o.names {
		if strings.HasPrefix(name, stem) {
			r.spared[o.join(name)] = true
		}
	}
}

// sweep removes the temporary files that are of no more use.
func (r *recovery) sweep() {
	for _, o := range r.dirs {
		for name := range o.names {
			if !strings.HasSuffix(name, tempSuffix) || r.spared[o.join(name)] {
				continue
			}
			// A directory of such a name is not ours, nor is what we may not remove.
			err := o.remove(name)
			if err != nil && !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EPERM) {
				r.errs = append(r.errs, err)
			}
		}
	}
}

func (r *recovery) close() {
	for _, o := range r.dirs {
		o.close()
	}
}

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
			r.spare(record)
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
			r.spare(record)
			return false, &Error{Op: "completing what was begun", Path: record.Files[i].Path, Err: err}
		}
	}
	return complete, r.finish(remnants)
}

// spare keeps a record's temporary files for another attempt.
func (r *recovery) spare(record Record) {
	for i, f := range record.Files {
		r.spared[filepath.Join(filepath.Dir(f.Path), tempName(record.Name, i))] = true
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
		move: move{dir: o.directory, from: temp, to: filepath.Base(f.Path), old: true, backup: f.backup()},
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
