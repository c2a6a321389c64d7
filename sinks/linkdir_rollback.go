// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sys/unix"
)

// Rollback implements [Publisher]. If the previous generation is damaged, it returns
// to the one before. The record names the generation that was rejected, which is
// kept in "..rejected-<n>" until a later one is rejected, or until the generations
// of its time are gone. The number and files of g are not used. The system calls,
// after those that begin a Publish:
//
//	openat(D, ..gen-1.json), read, close     for each previous generation, up to the
//	openat(D, ..gen-1), openat, read, close  first with all that its record lists
//	readlinkat(D, name)                      what is at each stable name
//	openat(D, temp), write, fsync, close     its record with the new payload, which
//	renameat(D, temp, D, ..gen-1.json)       is not in use yet
//	                                         ..data changes as in LinkDir
//	fstat(D), renameat(D, ..gen-2, D, ..rejected-2)
//	unlinkat, fstat(D)                       the record of the rejected generation,
//	                                         the one rejected before, and the oldest
func (d LinkDir) Rollback(ctx context.Context, g Generation) (Record, error) {
	r, err := d.rollback(ctx, g)
	return r, explain(err)
}

func (d LinkDir) rollback(ctx context.Context, g Generation) (Record, error) {
	if err := checkName(g.Name); err != nil {
		return Record{}, err
	}
	d, err := d.absolute()
	if err != nil {
		return Record{}, err
	}
	dir, err := openDirectory(ctx, d.Path)
	if err != nil {
		return Record{}, err
	}
	s, err := d.readState(dir)
	if err != nil {
		return Record{}, err
	}
	defer s.close()
	record, err := s.lastComplete()
	if err != nil {
		return Record{}, err
	}
	stable := stableNames(record.names())
	kinds, err := s.relinkPlainFiles(stable)
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
	if err := s.switchTo(record, stable, kinds); err != nil {
		return Record{}, err
	}
	record.CleanupErr = s.removeOldGenerations(record)
	return record, nil
}

// lastComplete returns the record of the newest previous generation that is
// complete.
func (s *openLinkDir) lastComplete() (Record, error) {
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
		err = withPath("checking whether it is complete", s.dir.join(generationName(n)), err)
		if !errors.Is(err, errDamaged) && !errors.Is(err, ErrRecord) && !errors.Is(err, unix.ENOENT) {
			return Record{}, err // it may be complete
		}
		errs = append(errs, err)
	}
	return Record{}, &Error{Op: "rolling back", Path: s.Path, Err: errors.Join(append([]error{ErrNoPrevious}, errs...)...)}
}

var errDamaged = errors.New("a file is missing or does not hold what the record says")

// verifyGeneration returns an error that wraps errDamaged if the files of a
// generation are not as recorded.
func (d *directory) verifyGeneration(record Record) error {
	return d.verifyFiles(generationName(record.Generation), record)
}

func (d *directory) verifyFiles(name string, record Record) error {
	g, err := d.openSubdir(name)
	if errors.Is(err, unix.ENOENT) {
		return &Error{Op: "reading the generation", Path: d.join(name), Err: errDamaged}
	}
	if err != nil {
		return err
	}
	defer g.close()
	for i, name := range record.names() {
		want, err := record.Files[i].sum()
		if err != nil {
			return err
		}
		same, err := g.hasSHA256(name, want)
		if err == nil && !same {
			err = errDamaged
		}
		if err != nil {
			return &Error{Op: "reading the generation", Path: g.join(name), Err: err}
		}
	}
	return nil
}

// relinkPlainFiles replaces the plain files at stable names of the current
// generation by links, and returns what is at the names.
func (s *openLinkDir) relinkPlainFiles(names []string) (map[string]nameKind, error) {
	kinds, err := s.kindsOf(names)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if kinds[name] != plainFile {
			continue
		}
		if !s.state.topNames[name] {
			return nil, &Error{Op: "rolling back", Path: s.dir.join(name), Err: unix.EEXIST, hint: "remove the file"}
		}
		if err := s.replaceByLink(name); err != nil {
			return nil, err
		}
	}
	return kinds, nil
}

// removeOldGenerations removes the generations that record does not keep, except
// that it renames the rejected one, and removes those that were rejected before.
func (s *openLinkDir) removeOldGenerations(record Record) error {
	keep := append([]uint64{record.Generation}, record.Previous...)
	oldest := slices.Min(keep)
	rejected := s.state.rejected
	var errs []error
	left := map[uint64]bool{} // not removed
	for _, n := range s.state.generations {
		switch {
		case slices.Contains(keep, n):
		case n == record.Rejected:
			errs = append(errs, s.renameRejected(n))
			rejected = append(slices.Clone(rejected), n)
		default:
			err := s.dir.removeGeneration(generationName(n), n)
			errs, left[n] = append(errs, err), err != nil
		}
	}
	for _, n := range s.state.records {
		if !slices.Contains(keep, n) && !left[n] {
			errs = append(errs, s.dir.remove(generationRecordName(n)))
		}
	}
	for _, n := range rejected {
		if n != slices.Max(rejected) || n < oldest {
			errs = append(errs, s.dir.removeGeneration(rejectedName(n), n))
		}
	}
	return errors.Join(errs...)
}

func (s *openLinkDir) renameRejected(n uint64) error {
	if st, err := descriptor(s.dir.fd).stat(); err == nil && !onlyOursRename(st) && s.dir.holdsRecorded(n, generationName(n)) {
		s.dir.mark(generationName(n)) // its record will be removed
	}
	if err := s.dir.rename(generationName(n), rejectedName(n)); err != nil {
		return &Error{Op: "keeping the rejected generation for inspection", Path: s.dir.join(generationName(n)), Err: err}
	}
	return nil
}
