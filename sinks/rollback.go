// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sys/unix"
)

// ErrNoPrevious is the error that Rollback wraps if there is no generation to go
// back to.
var ErrNoPrevious = errors.New("there is no previous generation that is complete")

// Rollback makes the previous generation the one that readers see again, or the
// one before it if the previous one is damaged, and returns its record, which has
// the payload given here and names the generation that was rejected. That one is
// kept in "..rejected-<n>" until a later one is rejected, or until the generations
// of its time are gone. On an error, what was seen is still seen. The system calls,
// after those that begin a publishing:
//
//	openat(D, ..gen-1.json), read, close     for each previous one, up to the first
//	openat(D, ..gen-1), openat, read, close  that holds all that its record says
//	readlinkat(D, name)                      what each stable name is
//	openat(D, temp), write, fsync, close     its record with the new payload; it is
//	renameat(D, temp, D, ..gen-1.json)       not seen yet
//	                                         ..data is changed as in swap
//	renameat(D, ..gen-2, D, ..rejected-2)
//	unlinkat                                 the record of the rejected one, what
//	                                         was rejected before, and the oldest
func (d LinkDir) Rollback(ctx context.Context, g Generation) (Record, error) {
	if err := checkName(g.Name); err != nil {
		return Record{}, err
	}
	d, err := d.absolute()
	if err != nil {
		return Record{}, err
	}
	dir, err := openDirectory(ctx, d.Path, unix.LOCK_SH)
	if err != nil {
		return Record{}, err
	}
	s, err := d.readState(dir)
	if err != nil {
		return Record{}, err
	}
	defer s.close()
	record, err := s.completePrevious()
	if err != nil {
		return Record{}, err
	}
	files, err := record.located()
	if err != nil {
		return Record{}, err
	}
	names := stableNames(files)
	places, err := s.relinkPlainFiles(names)
	if err != nil {
		return Record{}, err
	}
	record.Name, record.Payload, record.Rejected, record.Intact = g.Name, g.Payload, s.state.current, true
	encoded, err := record.encode()
	if err != nil {
		return Record{}, err
	}
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	if err := s.dir.replaceRecord(recordTemp, generationRecordName(record.Generation), encoded); err != nil {
		return Record{}, err
	}
	if err := s.switchTo(record, names, places); err != nil {
		return Record{}, err
	}
	record.CleanupErr = s.removeOldGenerations(record)
	return record, nil
}

// reclaim puts the links in place again of the names that somebody wrote files to,
// and says what is at the names.
func (s *openLinkDir) relinkPlainFiles(names []string) (map[string]nameKind, error) {
	places, err := s.kindsOf(names)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if places[name] != plainFile {
			continue
		}
		if !s.state.topNames[name] {
			return nil, &Error{Op: "going back", Path: s.dir.join(name), Err: unix.EEXIST, hint: "remove the file"}
		}
		if err := s.replaceByLink(name); err != nil {
			return nil, err
		}
	}
	return places, nil
}

// complete returns the record of the generation to go back to.
func (s *openLinkDir) completePrevious() (Record, error) {
	var errs []error
	for _, n := range s.state.previous() {
		record, err := s.dir.readGenerationRecord(n)
		if err == nil {
			err = s.dir.verifyGeneration(record)
		}
		if err == nil {
			record.Previous = slices.DeleteFunc(record.Previous, func(n uint64) bool { return !slices.Contains(s.state.generations, n) })
			return record, nil
		}
		err = withPath("checking that it is complete", s.dir.join(generationName(n)), err)
		if !errors.Is(err, errDamaged) && !errors.Is(err, ErrRecord) && !errors.Is(err, unix.ENOENT) {
			return Record{}, err // it may be complete
		}
		errs = append(errs, err)
	}
	return Record{}, &Error{Op: "going back", Path: s.Path, Err: errors.Join(append([]error{ErrNoPrevious}, errs...)...)}
}
