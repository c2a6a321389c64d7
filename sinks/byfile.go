// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// byFile publishes file by file under a journal: for destinations that lie where
// the user wants them, in as many directories as there are. These are its system
// calls; TestSystemCalls compares them with what happens.
//
//	for each directory           open(dir), flock(dir, LOCK_SH)
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
//	for each directory           fsync(dir)                   likewise
//	for each old file            unlinkat(dir, temp), or renameat(dir, temp, dir, backup)
//	the old journal              unlinkat(dir, temp)
//	for each directory           close
//
// Until the commit a crash leaves temporary files that mean nothing. After it,
// they are durable, and the journal has the SHA-256 of each: whoever finds it can
// tell which files are in place and put the others there. The old files are
// removed unsynced, for it does no harm if they come back. They are kept until
// then so that a rename that fails can be followed by a return to the old set.
type transaction struct {
	record  Record
	dirs    []*directory   // the first one holds the record
	files   []*pendingFile // keys first
	journal replacement
	encoded []byte
}

// member is a file of the generation that has to be written.
type pendingFile struct {
	replacement
	file       File
	attributes attributes
	staged     bool
}

// stage writes everything beside its destination, at once, for most of the time
// goes by waiting for the disk.
func (p *transaction) stage(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	errs := make([]error, len(p.files))
	var all sync.WaitGroup
	for i, m := range p.files {
		all.Go(func() {
			errs[i] = m.dir.writeTemp(m.from, m.file.Path, m.file.Content, m.attributes)
			m.staged = errs[i] == nil
		})
	}
	j := p.journal
	err := j.dir.writeTemp(j.from, j.dir.join(j.to), p.encoded, recordAttributes)
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

// commit makes the journal the one that Recover finds.
func (p *transaction) commit() error {
	if err := p.sync(p.dirs[1:]); err != nil {
		return err
	}
	if err := p.journal.apply(); err != nil {
		return &Error{Op: "renaming the journal into place", Path: p.journal.dir.join(p.journal.to), Err: err}
	}
	return p.journal.dir.sync()
}

// place renames the files into place.
func (p *transaction) renameIntoPlace() error {
	for _, m := range p.files {
		if err := m.apply(); err != nil {
			return &Error{Op: "renaming the new file into place", Path: m.file.Path, Err: err}
		}
	}
	return p.sync(p.dirs)
}

// sync makes the names of members durable.
func (p *transaction) sync(dirs []*directory) error {
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

// abort takes back what was done. What it cannot take back it leaves for
// Recover, which finds the journal and completes it.
func (p *transaction) abort() error {
	for _, m := range p.files {
		if !m.reversible() {
			return nil
		}
	}
	for _, m := range slices.Backward(p.files) {
		if err := m.undo(); err != nil {
			return &Error{Op: "taking it back", Path: m.file.Path, Err: err}
		}
	}
	if !p.journal.reversible() {
		return nil
	}
	if err := p.journal.undo(); err != nil {
		return &Error{Op: "taking it back", Path: p.journal.dir.join(p.journal.to), Err: err}
	}
	for _, m := range p.files {
		if m.staged {
			m.dir.remove(m.from)
		}
	}
	p.journal.dir.remove(p.journal.from)
	return nil
}

// tidy does away with the old generation.
func (p *transaction) removeOld() error {
	errs := make([]error, 0, len(p.files)+1)
	for _, m := range p.files {
		errs = append(errs, m.removeOld())
	}
	return errors.Join(append(errs, p.journal.removeOld())...)
}

func (p *transaction) close() {
	for _, d := range p.dirs {
		d.close()
	}
}
