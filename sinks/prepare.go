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

	"golang.org/x/sys/unix"
)

// prepare opens the directories and finds out what has to be done.
func (p *transaction) prepare(ctx context.Context, g Generation) error {
	p.record = Record{Version: recordVersion, Name: g.Name, Generation: g.Number, Payload: g.Payload}
	first, err := p.openDirOf(ctx, g.Files[0])
	if err != nil {
		return err
	}
	p.journal = replacement{dir: first, from: journalTempName(g.Name), to: recordName(g.Name), old: true}

	for i, f := range keysFirst(g.Files) {
		if err := p.add(ctx, f, tempName(g.Name, i)); err != nil {
			return err
		}
	}
	p.encoded, err = p.record.encode()
	return err
}

// keysFirst returns the files in the order in which they are put in place.
func keysFirst(files []File) []File {
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b File) int {
		switch {
		case a.Key == b.Key:
			return 0
		case a.Key:
			return -1
		}
		return 1
	})
	return files
}

// add records a file, and makes it a member if it has to be written.
func (p *transaction) add(ctx context.Context, f File, temp string) error {
	d, err := p.openDirOf(ctx, f)
	if err != nil {
		return err
	}
	base := filepath.Base(f.Path)
	is, err := d.statDestination(base)
	if err != nil {
		return err
	}
	status, err := d.compare(base, f, is)
	if err != nil {
		return err
	}
	if status == Drift {
		err := d.repair(base, f)
		if errors.Is(err, unix.EPERM) {
			status = Content // somebody else's file cannot be repaired, but be replaced
		} else if err != nil {
			return err
		}
	}
	a := f.attributes(is)
	p.record.Files = append(p.record.Files, f.recorded(a))
	if status == Content {
		d.changed = true
		p.files = append(p.files, &pendingFile{
			replacement: replacement{dir: d, from: temp, to: base, old: is.exists, backup: backupName(f.Path, f.Backup)},
			file:        f,
			attributes:  a,
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
func (p *transaction) openDirOf(ctx context.Context, f File) (*directory, error) {
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
	if err != nil {
		return nil, &Error{Op: "opening its directory", Path: f.Path, Err: err}
	}
	p.dirs = append(p.dirs, d)
	return d, nil
}
