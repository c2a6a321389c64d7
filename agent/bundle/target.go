// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/sinks"
)

// target is where the files of a bundle go: each to its own place, one by one, or
// into a directory that is published by one rename. The zero value is the former.
type target struct {
	directory *sinks.Directory
	owner     owner // of the directories that are made
}

func newTarget(b *config.Bundle) target {
	if b == nil || b.Directory == "" {
		return target{}
	}
	return target{
		directory: &sinks.Directory{Path: config.Absolute(b.Directory), Mode: b.DirectoryPerms, UID: -1, GID: -1},
		owner:     owner{b.User, b.Group},
	}
}

// lookUp looks the directory's owner up.
func (t target) lookUp() (err error) {
	if t.directory != nil {
		t.directory.UID, t.directory.GID, err = t.owner.ids()
	}
	return err
}

// homes are the directories in which a crash may have left something of files at
// these paths.
func (t target) homes(paths []string) []string {
	if t.directory != nil {
		return []string{t.directory.Path}
	}
	var dirs []string
	for _, path := range paths {
		dirs = append(dirs, filepath.Dir(path))
	}
	return dirs
}

func (t target) claim(files []sinks.File) (*sinks.Claim, error) {
	if t.directory != nil {
		return t.directory.Claim(files)
	}
	return sinks.ClaimDestinations(files)
}

// holds says whether a record is of a generation that is published here.
func (t target) holds(r sinks.Record) bool {
	if t.directory != nil {
		return r.Directory == t.directory.Path
	}
	return r.Directory == ""
}

func (t target) compare(files []sinks.File) ([]sinks.Status, error) {
	if t.directory != nil {
		return t.directory.Compare(files)
	}
	return sinks.Compare(files)
}

func (t target) publish(ctx context.Context, g sinks.Generation) (sinks.Record, error) {
	if t.directory != nil {
		return t.directory.Publish(ctx, g)
	}
	return sinks.Publish(ctx, g)
}

func (t target) repair(f sinks.File) error {
	if t.directory != nil {
		return t.directory.Repair(f)
	}
	return sinks.Repair(f)
}

// previous reads what a generation of files is about to replace, where no
// directory keeps it. It is nil if that is not a complete set.
func (t target) previous(files []sinks.File) []sinks.File {
	if t.directory != nil {
		return nil
	}
	var all []sinks.File
	for _, f := range files {
		info, err := os.Lstat(f.Path)
		if err != nil || !info.Mode().IsRegular() {
			return nil
		}
		if f.Content, err = os.ReadFile(f.Path); err != nil {
			return nil
		}
		st := info.Sys().(*syscall.Stat_t)
		f.Mode, f.UID, f.GID, f.Backup = info.Mode().Perm(), int(st.Uid), int(st.Gid), false
		all = append(all, f)
	}
	return all
}

// rollback goes back to the previous generation. Without a directory that is what
// previous returned; with ErrNoPrevious there is nothing to go back to.
func (t target) rollback(ctx context.Context, now sinks.Record, payload json.RawMessage, previous []sinks.File) (sinks.Record, error) {
	if t.directory != nil {
		return t.directory.Rollback(ctx, now.Name, payload)
	}
	if len(previous) == 0 {
		return sinks.Record{}, sinks.ErrNoPrevious
	}
	return sinks.Publish(ctx, sinks.Generation{Name: now.Name, Number: now.Generation + 1, Files: previous, Payload: payload})
}
