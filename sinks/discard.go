// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"
)

// tidy removes the generations that are neither seen nor kept, puts aside the one
// that was rejected, and removes those rejected before.
func (s *openLinkDir) removeOldGenerations(record Record) error {
	keep := append([]uint64{record.Generation}, record.Previous...)
	oldest := slices.Min(keep)
	rejected := s.state.rejected
	var errs []error
	for _, n := range s.state.generations {
		switch {
		case slices.Contains(keep, n):
		case n == record.Rejected:
			errs = append(errs, s.setRejectedAside(n))
			rejected = append(slices.Clone(rejected), n)
		default:
			errs = append(errs, s.dir.removeTree(generationName(n)))
		}
	}
	for _, n := range s.state.records {
		if !slices.Contains(keep, n) {
			errs = append(errs, s.dir.remove(generationRecordName(n)))
		}
	}
	for _, n := range rejected {
		if n != slices.Max(rejected) || n < oldest {
			errs = append(errs, s.dir.removeTree(rejectedName(n)))
		}
	}
	return errors.Join(errs...)
}

// setAside keeps a rejected generation for inspection.
func (s *openLinkDir) setRejectedAside(n uint64) error {
	if err := s.dir.rename(generationName(n), rejectedName(n)); err != nil {
		return &Error{Op: "putting the rejected generation aside", Path: s.dir.join(generationName(n)), Err: err}
	}
	return nil
}

// removeTree removes a directory of ours and all that is in it.
func (d *directory) removeTree(name string) error {
	tree, err := d.openSubdir(name)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer tree.close()
	names, err := tree.list()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := tree.removeAny(name); err != nil {
			return err
		}
	}
	return d.removeDirectory(name)
}

func (d *directory) removeAny(name string) error {
	err := d.remove(name)
	if errors.Is(err, unix.EACCES) { // the mode asked for may keep even the owner from writing
		if descriptor(d.fd).chmod(0o700) == nil {
			err = d.remove(name)
		}
	}
	if errors.Is(err, unix.EISDIR) {
		return d.removeTree(name)
	}
	return err
}
