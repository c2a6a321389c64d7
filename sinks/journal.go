// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
)

// Journal publishes file by file under a journal. The destinations may be in any
// number of directories. It makes these system calls; TestSystemCalls compares
// them with a trace:
//
//	for each directory           open(dir), openat(dir, lock), fstat, flock(lock, LOCK_SH)
//	for each file                statx(dir, dest)
//	                             openat, read, close          if the size is equal
//	for each file to be written  see writeTemp: made durable under a temporary name;
//	and the journal              all at once
//	for each further directory   fsync(dir)                   if a file is written to it
//	the journal                  renameat2(dir, temp, dir, journal, RENAME_EXCHANGE)
//	                             renameat                     if there was none
//	                             fsync(dir)                   now it is committed
//	for each file, keys first    renameat2(dir, temp, dir, dest, RENAME_EXCHANGE)
//	                             renameat                     if there was none
//	for each directory           fsync(dir)                   if a file is written to it
//	for each old file            unlinkat(dir, temp), or renameat(dir, temp, dir, backup)
//	the old journal              unlinkat(dir, temp)
//	for each directory           close(lock), close
//
// A crash before the commit leaves temporary files that mean nothing. After the
// commit they are durable, and the journal has the SHA-256 of each: Recover finds
// out which files are in place and renames the others. The old files are kept
// until the end, so that the old set can be restored if a rename fails. Their
// removal is not synced: if they reappear, they do no harm.
//
// On a file system that cannot exchange two names, a failure between the renames
// leaves a mixed set, which the next Publish or Recover completes.
type Journal struct{}

// Publish implements [Publisher].
func (j Journal) Publish(ctx context.Context, g Generation) (Record, error) {
	r, err := j.publish(ctx, g)
	return r, explain(err)
}

func (Journal) publish(ctx context.Context, g Generation) (Record, error) {
	g, err := g.checked()
	if err != nil {
		return Record{}, err
	}
	t := transaction{}
	defer t.close()
	if err := t.prepare(ctx, g); err != nil {
		return Record{}, err
	}
	for _, step := range []func() error{
		func() error { return t.stage(ctx) },
		t.commit,
		t.renameIntoPlace,
	} {
		if err := step(); err != nil {
			return Record{}, errors.Join(err, t.abort())
		}
	}
	t.record.CleanupErr = t.removeOld()
	t.record.Intact = true
	return t.record, nil
}

// Claim implements [Publisher]. It creates the directories of files with
// CreateDirs.
func (Journal) Claim(c *Claim, files []File) error {
	create := map[string]bool{}
	var paths []string
	for _, f := range files {
		path, err := absoluteDestination(f.Path)
		if err != nil {
			return err
		}
		create[path] = create[path] || f.CreateDirs
		paths = append(paths, path)
	}
	paths = c.missing(paths)
	for _, path := range paths {
		if !create[path] {
			continue
		}
		if err := createDirectory(filepath.Dir(path)); err != nil {
			return &Error{Op: "opening the lock file of its directory", Path: path, Err: err}
		}
	}
	return c.add(paths)
}

// Compare implements [Publisher].
func (Journal) Compare(files []File) ([]Status, error) {
	statuses := make([]Status, len(files))
	var errs []error
	for i, f := range files {
		status, err := compareAt(f)
		statuses[i] = status
		if err != nil {
			errs = append(errs, err)
		}
	}
	return statuses, errors.Join(errs...)
}

func compareAt(f File) (Status, error) {
	path, err := absoluteDestination(f.Path)
	if err != nil {
		return Unknown, err
	}
	is, err := cwd.statDestination(path)
	if err != nil {
		return Unknown, err
	}
	return cwd.compare(path, f, is)
}

// Repair implements [Publisher].
func (Journal) Repair(f File) error {
	path, err := absoluteDestination(f.Path)
	if err != nil {
		return err
	}
	d, err := openUnlocked(filepath.Dir(path))
	if err != nil {
		return &Error{Op: "opening the directory of the file to repair", Path: path, Err: err}
	}
	defer d.close()
	return d.repair(filepath.Base(path), f)
}

// Previous returns the files as they are now, or nil if one of them is missing or
// not a regular file.
func (Journal) Previous(files []File) []File {
	var all []File
	for _, f := range files {
		d, err := openUnlocked(filepath.Dir(f.Path))
		if err != nil {
			return nil
		}
		content, is, err := d.readFile(filepath.Base(f.Path))
		d.close()
		if err != nil {
			return nil
		}
		if f.Key && f.Mode == 0 && is.mode&othersBits != 0 {
			is.mode = keyMode
		}
		f.Content, f.Mode, f.UID, f.GID, f.Backup = content, fs.FileMode(is.mode&0o777), is.uid, is.gid, false
		all = append(all, f)
	}
	return all
}

// Rollback publishes g.
func (j Journal) Rollback(ctx context.Context, g Generation) (Record, error) {
	if len(g.Files) == 0 {
		return Record{}, ErrNoPrevious
	}
	return j.Publish(ctx, g)
}

// Owns reports whether r was published file by file.
func (Journal) Owns(r Record) bool { return r.Directory == "" }

// RecoveryDirs returns the directory of each file.
func (Journal) RecoveryDirs(files []File) []string {
	dirs := make([]string, len(files))
	for i, f := range files {
		dirs[i] = filepath.Dir(f.Path)
	}
	return dirs
}
