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

// spot is a name in a directory. When that entry is created, replaced or
// written to, the file that a path leads to may be another one.
type spot struct{ dir, name string }

const maxLinks = 40 // as many as the kernel follows

// walk lists the spots that decide where an absolute path leads: each symlink
// on the way, and the file itself or the first name on the way that is missing.
// It watches each spot before it looks at it, so that no change falls between
// the two. Directories that are no symlinks are not spots: they hardly ever
// change, and polling notices when they do.
func walk(path string, watch func(spot)) []spot {
	var spots []spot
	dir, rest := "/", split(path)
	for links := 0; len(rest) > 0; {
		name := rest[0]
		full := filepath.Join(dir, name)
		info, err := os.Lstat(full)
		if last := len(rest) == 1; last || err != nil || !info.IsDir() {
			s := spot{dir, name}
			watch(s)
			spots = append(spots, s)
			info, err = os.Lstat(full)
		}
		switch {
		case err != nil:
			return spots
		case info.Mode()&os.ModeSymlink != 0:
			target, err := os.Readlink(full)
			if links++; err != nil || links > maxLinks {
				return spots
			}
			if filepath.IsAbs(target) {
				dir = "/"
			}
			rest = append(split(target), rest[1:]...)
		default:
			dir, rest = full, rest[1:]
		}
	}
	return spots
}

// split keeps "..", which must not be resolved before the symlinks in front of it
// are. walk's dir has none, so that joining ".." to it is right.
func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// at returns the files that a spot decides about; examine may change which.
func (l *loop) at(s spot) []*file { return slices.Collect(maps.Keys(l.spots[s])) }

// occupy makes spots those of f and gives up directories that nobody needs.
func (l *loop) occupy(f *file, spots []spot) {
	for _, s := range spots {
		if l.spots[s] == nil {
			l.spots[s] = make(map[*file]bool)
			l.dirs[s.dir]++
		}
		l.spots[s][f] = true
	}
	for _, s := range f.spots {
		if !slices.Contains(spots, s) {
			l.vacate(f, s)
		}
	}
	f.spots = spots
}

func (l *loop) vacate(f *file, s spot) {
	delete(l.spots[s], f)
	if l.spots[s] == nil {
		return // a path may come by a spot twice
	}
	if len(l.spots[s]) > 0 {
		return
	}
	delete(l.spots, s)
	if l.dirs[s.dir]--; l.dirs[s.dir] == 0 {
		delete(l.dirs, s.dir)
		_ = l.notifier.Remove(s.dir) // an error means that it is not watched
	}
}
