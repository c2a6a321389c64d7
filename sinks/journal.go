// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"io/fs"
	"path/filepath"
)

// Journal publishes file by file under a journal, wherever the destinations are.
type Journal struct{}

// Claim implements [Publisher]. It creates the directory of a file with CreateDirs.
func (Journal) Claim(c *Claim, files []File) error {
	var paths []string
	for _, f := range files {
		path, err := absoluteDestination(f.Path)
		if err != nil {
			return err
		}
		if f.CreateDirs && !c.held[path] {
			if err := createDirectory(filepath.Dir(path)); err != nil {
				return &Error{Op: "opening its directory's lock", Path: path, Err: err}
			}
		}
		paths = append(paths, path)
	}
	return c.add(c.missing(paths))
}

// Previous returns the files that are there now, with their contents.
func (Journal) Previous(files []File) []File {
	var all []File
	for _, f := range files {
		content, is, err := cwd.readFile(f.Path)
		if err != nil {
			return nil
		}
		f.Content, f.Mode, f.UID, f.GID, f.Backup = content, fs.FileMode(is.mode&0o777), is.uid, is.gid, false
		all = append(all, f)
	}
	return all
}

// Rollback publishes g, which has the files that Previous returned.
func (j Journal) Rollback(ctx context.Context, g Generation) (Record, error) {
	if len(g.Files) == 0 {
		return Record{}, ErrNoPrevious
	}
	return j.Publish(ctx, g)
}

// Owns reports whether r was published file by file.
func (Journal) Owns(r Record) bool { return r.Directory == "" }

// RecoveryDirs returns the directories of the files.
func (Journal) RecoveryDirs(files []File) []string {
	var dirs []string
	for _, f := range files {
		dirs = append(dirs, filepath.Dir(f.Path))
	}
	return dirs
}
