// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
)

// A Directory is one whose files are published all at once, by the rename of one
// symbolic link. Every generation has a hidden directory of its own in it, and
// the names that readers use are links into the one that "..data" points to. So
// a reader that opens "..data" and then the files in what it opened has one
// generation; one that opens the names one after the other may meet the rename
// between them, as with Kubernetes' volumes.
//
// Files may lie in directories below; then their first directory is the name that
// is a link. What belongs to others is left alone.
type LinkDir struct {
	// Path is made if it is missing, with what is missing above it. One that is
	// there keeps its mode and owner.
	Path string

	// Mode and owner are those of the directories made here, except that Path's
	// owner may always write in it. Zero means 0750; negative numbers mean the
	// process's own.
	Mode     fs.FileMode
	UID, GID int
}

// swap publishes by one rename. These are its system calls; TestSystemCallsOfSwap
// compares them with what happens. D is the bundle's directory; ..gen-1 the
// generation that is seen, ..gen-2 the new one.
//
//	open(D), flock(D, LOCK_SH), getdents64(D)
//	readlinkat(D, ..data)                   the generation that is seen
//	openat(D, ..gen-1), getdents64
//	openat(D, ..gen-1.json), fstat, read, close
//	for each stable name                    readlinkat(D, name): what is there
//	for each file                           statx(..gen-1, name)
//	                                        openat, read, close  if the size is equal
//	fstat(..gen-1)                          its mode and owner
//
//	mkdirat(D, ..gen-2, 0700), openat       nobody sees what follows
//	for each directory below                mkdirat(..gen-2, dir, 0700), openat
//	for each file                           openat(..gen-2, name, O_CREAT|O_EXCL, 0600),
//	                                        fchmod, fchown, write: mode and owner are
//	                                        final before the first byte
//	the record, with the payload            openat(D, ..gen-2.json), fchmod, write
//	for each file and the record            fsync, at once; then close, one by one
//	for each directory, ..gen-2 last        fchmod, fchown, fsync; then close
//
//	for each stable name that goes          readlinkat(D, name), unlinkat(D, name)
//	symlinkat(..gen-2, D, temp), fsync(D)   now all of it is durable
//	renameat(D, temp, D, ..data)            now it is seen
//	for each stable name that comes         symlinkat(..data/name, D, name)
//	fsync(D)
//
//	for each generation that is too old     openat, getdents64, unlinkat its files,
//	                                        unlinkat(D, ..gen-0), close
//	                                        unlinkat(D, ..gen-0.json)
//	close(..gen-1), close(D)
//
// Before and after each of these calls "..data" leads to one complete generation,
// whose record, with what is owed for it, is on disk under its number; and every
// stable name that is there leads to a file of it, for a name that goes is removed
// before the rename and a name that comes is made after it. So a crash needs no
// journal: Recover makes the stable names those of the generation that is seen, and
// removes what is not seen.
type openLinkDir struct {
	LinkDir // with an absolute path
	dir     *directory
	state   linkDirState
}

// Publish makes g the generation that readers see, and returns its record. Paths
// of files that are not absolute are relative to the directory; the record has
// absolute ones. If the directory has a generation of g's number or a later one,
// the next free number is taken. Backup and CreateDirs have no meaning here: the
// previous generations are kept, and directories are made.
//
// If every file is there already, nothing is written, except that a wrong mode or
// owner is repaired, and the record if it changes. On an error the old generation
// and its record stay. Once g is seen, ctx is ignored.
//
// Plain files that stand at stable names are taken over: a generation is made of
// what is there, then each file is replaced by a link to what it holds, keys
// first, and only then the new generation is published. So readers see what was
// there or g, and Rollback leads back to what was there. Anything else at a stable
// name, a directory or a link that leads elsewhere, is an error.
//
// Recover must have run before in the directory, and no two calls may publish in
// it at once.
func (d LinkDir) Publish(ctx context.Context, g Generation) (Record, error) {
	d, files, err := d.checked(g)
	if err != nil {
		return Record{}, err
	}
	s, err := d.open(ctx)
	if err != nil {
		return Record{}, err
	}
	defer s.close()
	places, err := s.kindsOf(stableNames(files))
	if err != nil {
		return Record{}, err
	}
	if err := s.adoptPlainFiles(ctx, g.Name, files, places); err != nil {
		return Record{}, err
	}
	status, err := s.compare(files)
	if err != nil {
		return Record{}, err
	}
	record := s.newRecord(g, files)
	if status == Same {
		return s.completeUnchanged(record, places)
	}
	record.Generation = max(g.Number, s.state.highestNumber()+1)
	record.Previous = s.state.toKeep()
	record.Rejected = 0
	if err := s.stage(ctx, record, files); err != nil {
		return Record{}, errors.Join(err, s.discard(record.Generation))
	}
	if err := s.switchTo(record, stableNames(files), places); err != nil {
		return Record{}, err
	}
	record.CleanupErr = errors.Join(s.removeOldGenerations(record), s.removeJournalRecord(g.Name))
	return record, nil
}

// Claim claims the directory and the stable names of files in it. It creates the
// directory if it is missing.
func (d LinkDir) Claim(c *Claim, files []File) error {
	d, err := d.absolute()
	if err != nil {
		return err
	}
	found, err := d.locate(files)
	if err != nil {
		return err
	}
	var paths []string
	for _, name := range append([]string{dataLink}, stableNames(found)...) {
		paths = append(paths, filepath.Join(d.Path, name))
	}
	if paths = c.missing(paths); len(paths) == 0 {
		return nil
	}
	if err := d.ensure(); err != nil {
		return err
	}
	return c.add(paths)
}

// Previous returns nil: the directory keeps the previous generations.
func (d LinkDir) Previous([]File) []File { return nil }

// Owns reports whether r was published in this directory.
func (d LinkDir) Owns(r Record) bool { return r.Directory == d.Path }

// RecoveryDirs returns the directory.
func (d LinkDir) RecoveryDirs([]File) []string { return []string{d.Path} }

// checked returns the directory with an absolute path and the files of g, keys
// first, or why they cannot be published.
func (d LinkDir) checked(g Generation) (LinkDir, []located, error) {
	if err := checkName(g.Name); err != nil {
		return d, nil, err
	}
	if len(g.Files) == 0 {
		return d, nil, &Error{Op: "publishing", Path: d.Path, Err: errNoFiles}
	}
	d, err := d.absolute()
	if err != nil {
		return d, nil, err
	}
	files, err := d.locate(keysFirst(g.Files))
	return d, files, err
}
