// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package watch

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// entry is an entry of a directory. When it is created, replaced or written to, a path
// may lead to another file.
type entry struct{ dir, name string }

const maxLinks = 40 // as many as the kernel follows

// walk returns the entries that decide where an absolute path leads: each symlink on
// the way, and the file itself or the first missing name. It calls watch for each
// entry before it reads the entry, so that no change is missed in between. It leaves
// out directories that are not symlinks: they hardly ever change, and polling notices
// when they do.
func walk(path string, watch func(entry)) []entry {
	var entries []entry
	dir, rest := "/", split(path)
	for links := 0; len(rest) > 0; {
		name := rest[0]
		full := filepath.Join(dir, name)
		info, err := os.Lstat(full)
		if last := len(rest) == 1; last || err != nil || !info.IsDir() {
			s := entry{dir, name}
			watch(s)
			entries = append(entries, s)
			info, err = os.Lstat(full)
		}
		switch {
		case err != nil:
			return entries
		case info.Mode()&os.ModeSymlink != 0:
			target, err := os.Readlink(full)
			if links++; err != nil || links > maxLinks {
				return entries
			}
			if filepath.IsAbs(target) {
				dir = "/"
			}
			rest = append(split(target), rest[1:]...)
		default:
			dir, rest = full, rest[1:]
		}
	}
	return entries
}

// split returns the elements of a path. It keeps "..", which must not be resolved
// before the symlinks in front of it are. walk's dir contains no symlinks, so joining
// ".." to it is right.
func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// at returns the files that a entry decides about; check may change which.
func (l *loop) filesOf(e entry) []*file { return slices.Collect(maps.Keys(l.entries[e])) }

// setEntries sets the entries of f, and stops watching directories that no file needs.
func (l *loop) setEntries(f *file, entries []entry) {
	for _, s := range entries {
		if l.entries[s] == nil {
			l.entries[s] = make(map[*file]bool)
			l.dirs[s.dir]++
		}
		l.entries[s][f] = true
	}
	for _, s := range f.entries {
		if !slices.Contains(entries, s) {
			l.removeEntry(f, s)
		}
	}
	f.entries = entries
}

func (l *loop) removeEntry(f *file, s entry) {
	delete(l.entries[s], f)
	if l.entries[s] == nil {
		return // a path may lead through an entry twice
	}
	if len(l.entries[s]) > 0 {
		return
	}
	delete(l.entries, s)
	if l.dirs[s.dir]--; l.dirs[s.dir] == 0 {
		delete(l.dirs, s.dir)
		_ = l.notifier.Remove(s.dir) // an error means that it is not watched
	}
}
