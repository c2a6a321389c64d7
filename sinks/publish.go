// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// Publish makes g the generation that readers see, and returns its record.
//
// Files that hold their content already are not touched, except that a wrong
// mode or owner is repaired; if all do, only the record is written. On an error
// the old generation and its record stay; on a file system that cannot exchange
// two names, a failure between the renames leaves what the next Publish or
// Recover completes. Once the generation is committed, ctx is ignored.
//
// Recover must have run before in the directories concerned, and no two calls
// may publish under one name at once; under different names any number may.
func Publish(ctx context.Context, g Generation) (Record, error) {
	g, err := g.checked()
	if err != nil {
		return Record{}, err
	}
	p := byFile{}
	defer p.close()
	if err := p.prepare(ctx, g); err != nil {
		return Record{}, err
	}
	for _, step := range []func() error{
		func() error { return p.stage(ctx) },
		p.commit,
		p.place,
	} {
		if err := step(); err != nil {
			return Record{}, errors.Join(err, p.abort())
		}
	}
	p.record.Untidy = p.tidy()
	p.record.Intact = true
	return p.record, nil
}

// byFile publishes file by file under a journal: for destinations that lie where
// the user wants them, in as many directories as there are. These are its system
// calls; TestSystemCalls compares them with what happens.
//
//	for each directory           openat(dir), flock(dir, LOCK_SH)
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
// removed unsynced, for it does no harm if they come back.
type byFile struct {
	record  Record
	dirs    []*directory // the first one holds the record
	members []*member    // keys first
	journal move
	encoded []byte
}

// member is a file of the generation that has to be written.
type member struct {
	move
	file       File
	attributes attributes
	staged     bool
}

// prepare opens the directories and finds out what has to be done.
func (p *byFile) prepare(ctx context.Context, g Generation) error {
	p.record = Record{Version: recordVersion, Name: g.Name, Generation: g.Number, Payload: g.Payload}
	first, err := p.directory(ctx, g.Files[0])
	if err != nil {
		return err
	}
	p.journal = move{dir: first, from: journalTempName(g.Name), to: recordName(g.Name), old: true}

	files := slices.Clone(g.Files)
	slices.SortStableFunc(files, func(a, b File) int {
		switch {
		case a.Key == b.Key:
			return 0
		case a.Key:
			return -1
		}
		return 1
	})
	for i, f := range files {
		if err := p.add(ctx, f, tempName(g.Name, i)); err != nil {
			return err
		}
	}
	p.encoded, err = p.record.encode()
	return err
}

// add records a file, and makes it a member if it has to be written.
func (p *byFile) add(ctx context.Context, f File, temp string) error {
	d, err := p.directory(ctx, f)
	if err != nil {
		return err
	}
	base := filepath.Base(f.Path)
	is, err := d.look(base)
	if err != nil {
		return err
	}
	status, err := d.compare(base, f, is)
	if err != nil {
		return err
	}
	if status == Drift {
		if err := d.repair(base, f); err != nil {
			return err
		}
	}
	a := f.attributes(is)
	p.record.Files = append(p.record.Files, f.recorded(a))
	if status == Content {
		d.changed = true
		p.members = append(p.members, &member{
			move:       move{dir: d, from: temp, to: base, old: is.exists, backup: f.backup()},
			file:       f,
			attributes: a,
		})
	}
	return nil
}

func (f File) recorded(a attributes) RecordedFile {
	content := sha256.Sum256(f.Content)
	r := RecordedFile{Path: f.Path, SHA256: hex.EncodeToString(content[:]), Mode: fs.FileMode(a.mode), UID: a.uid, GID: a.gid, Backup: f.Backup}
	if r.UID < 0 {
		r.UID = os.Geteuid()
	}
	if r.GID < 0 {
		r.GID = os.Getegid()
	}
	return r
}

// directory returns the directory of f, opened once.
func (p *byFile) directory(ctx context.Context, f File) (*directory, error) {
	path := filepath.Dir(f.Path)
	for _, d := range p.dirs {
		if d.path == path {
			return d, nil
		}
	}
	d, err := openDirectory(ctx, path, unix.LOCK_SH)
	if errors.Is(err, unix.ENOENT) {
		if !f.CreateDirs {
			return nil, &Error{Op: "opening its directory", Path: f.Path, Err: unix.ENOENT, hint: "create the directory, or set create_dest_dirs"}
		}
		if err := createDirectory(path); err != nil {
			return nil, err
		}
		d, err = openDirectory(ctx, path, unix.LOCK_SH)
	}
	if err == nil {
		p.dirs = append(p.dirs, d)
	}
	return d, err
}

// stage writes everything beside its destination, at once, for most of the time
// goes by waiting for the disk.
func (p *byFile) stage(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	errs := make([]error, len(p.members))
	var all sync.WaitGroup
	for i, m := range p.members {
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
func (p *byFile) commit() error {
	if err := p.sync(p.dirs[1:]); err != nil {
		return err
	}
	if err := p.journal.do(); err != nil {
		return &Error{Op: "renaming the journal into place", Path: p.journal.dir.join(p.journal.to), Err: err}
	}
	return p.journal.dir.sync()
}

// place renames the files into place.
func (p *byFile) place() error {
	for _, m := range p.members {
		if err := m.do(); err != nil {
			return &Error{Op: "renaming the new file into place", Path: m.file.Path, Err: err}
		}
	}
	return p.sync(p.dirs)
}

// sync makes the names of members durable.
func (p *byFile) sync(dirs []*directory) error {
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
func (p *byFile) abort() error {
	for _, m := range p.members {
		if !m.reversible() {
			return nil
		}
	}
	for _, m := range slices.Backward(p.members) {
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
	for _, m := range p.members {
		if m.staged {
			m.dir.remove(m.from)
		}
	}
	p.journal.dir.remove(p.journal.from)
	return nil
}

// tidy does away with the old generation.
func (p *byFile) tidy() error {
	errs := make([]error, 0, len(p.members)+1)
	for _, m := range p.members {
		errs = append(errs, m.tidy())
	}
	return errors.Join(append(errs, p.journal.tidy())...)
}

func (p *byFile) close() {
	for _, d := range p.dirs {
		d.close()
	}
}
