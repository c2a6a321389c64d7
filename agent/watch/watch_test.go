// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package watch

import (
	"os"
	"path/filepath"
	"testing"
)

// What happens to a file that is a change. The file is "dir/f" unless set-up
// says otherwise.
var changes = []struct {
	name  string
	setup func(t *testing.T, dir string) (path string)
	do    func(t *testing.T, dir string)
}{
	{"written in place", plain, func(t *testing.T, dir string) { write(t, dir+"/f", "new, and longer") }},
	{"written in place, same length", plain, func(t *testing.T, dir string) { write(t, dir+"/f", "eld") }},
	{"renamed over", plain, func(t *testing.T, dir string) { replace(t, dir+"/f", "new") }},
	{"truncated", plain, func(t *testing.T, dir string) { must(t, os.Truncate(dir+"/f", 0)) }},
	{"made readable", plain, func(t *testing.T, dir string) { must(t, os.Chmod(dir+"/f", 0o644)) }},
	{"deleted and created anew", plain, func(t *testing.T, dir string) {
		must(t, os.Remove(dir+"/f"))
		write(t, dir+"/f", "new")
	}},
	{"created", func(t *testing.T, dir string) string { return dir + "/f" }, func(t *testing.T, dir string) {
		write(t, dir+"/f", "new")
	}},
	{"created with its directories", func(t *testing.T, dir string) string { return dir + "/a/b/f" }, func(t *testing.T, dir string) {
		mkdir(t, dir+"/a/b")
		write(t, dir+"/a/b/f", "new")
	}},
	{"directory deleted and created anew", func(t *testing.T, dir string) string {
		mkdir(t, dir+"/a")
		write(t, dir+"/a/f", "old")
		return dir + "/a/f"
	}, func(t *testing.T, dir string) {
		must(t, os.RemoveAll(dir+"/a"))
		mkdir(t, dir+"/a")
		write(t, dir+"/a/f", "new")
	}},
	{"directory replaced by another", func(t *testing.T, dir string) string {
		mkdir(t, dir+"/a")
		mkdir(t, dir+"/b")
		write(t, dir+"/a/f", "old")
		write(t, dir+"/b/f", "new")
		return dir + "/a/f"
	}, func(t *testing.T, dir string) {
		must(t, os.Rename(dir+"/a", dir+"/c"))
		must(t, os.Rename(dir+"/b", dir+"/a"))
	}},
	{"Kubernetes volume", kubernetes, func(t *testing.T, dir string) {
		mkdir(t, dir+"/..2")
		write(t, dir+"/..2/f", "new")
		relink(t, "..2", dir+"/..data")
		must(t, os.RemoveAll(dir+"/..1"))
	}},
	{"Kubernetes volume behind symlinks", func(t *testing.T, dir string) string {
		mkdir(t, dir+"/volume")
		kubernetes(t, dir+"/volume")
		link(t, "volume", dir+"/v")
		link(t, dir+"/v/./f", dir+"/g")
		return dir + "/g"
	}, func(t *testing.T, dir string) {
		mkdir(t, dir+"/volume/..2")
		write(t, dir+"/volume/..2/f", "new")
		relink(t, "..2", dir+"/volume/..data")
	}},
	{"behind a symlink, written in place", linked, func(t *testing.T, dir string) { write(t, dir+"/real/f", "new") }},
	{"behind a symlink, renamed over", linked, func(t *testing.T, dir string) { replace(t, dir+"/real/f", "new") }},
	{"symlink changed", linked, func(t *testing.T, dir string) {
		write(t, dir+"/g", "new")
		relink(t, "g", dir+"/f")
	}},
	{"symlink replaced by a file", linked, func(t *testing.T, dir string) { replace(t, dir+"/f", "new") }},
	{"symlink to nowhere comes to lead somewhere", func(t *testing.T, dir string) string {
		link(t, "real/f", dir+"/f")
		return dir + "/f"
	}, func(t *testing.T, dir string) {
		mkdir(t, dir+"/real")
		write(t, dir+"/real/f", "new")
	}},
	{"parent directory is a symlink that changes", func(t *testing.T, dir string) string {
		mkdir(t, dir+"/1")
		mkdir(t, dir+"/2")
		write(t, dir+"/1/f", "old")
		write(t, dir+"/2/f", "new")
		link(t, "1", dir+"/current")
		return dir + "/current/f"
	}, func(t *testing.T, dir string) { relink(t, "2", dir+"/current") }},
	{"through .. of a symlink", func(t *testing.T, dir string) string {
		mkdir(t, dir+"/real/below")
		write(t, dir+"/real/f", "old")
		link(t, "real/below", dir+"/link")
		return dir + "/link/../f"
	}, func(t *testing.T, dir string) { replace(t, dir+"/real/f", "new") }},
	{"symlinks in a ring, then a file", func(t *testing.T, dir string) string {
		link(t, "g", dir+"/f")
		link(t, "f", dir+"/g")
		return dir + "/f"
	}, func(t *testing.T, dir string) { replace(t, dir+"/g", "new") }},
}

func plain(t *testing.T, dir string) string {
	write(t, dir+"/f", "old")
	return dir + "/f"
}

func linked(t *testing.T, dir string) string {
	mkdir(t, dir+"/real")
	write(t, dir+"/real/f", "old")
	link(t, "real/f", dir+"/f")
	return dir + "/f"
}

func kubernetes(t *testing.T, dir string) string {
	mkdir(t, dir+"/..1")
	write(t, dir+"/..1/f", "old")
	link(t, "..1", dir+"/..data")
	link(t, "..data/f", dir+"/f")
	return dir + "/f"
}

func TestChangesAreSignalled(t *testing.T) {
	t.Parallel()
	for how, m := range map[string]mode{"by events": byEvents, "by polling": byPolling} {
		for _, tt := range changes {
			t.Run(tt.name+" "+how, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				path := tt.setup(t, dir)
				w := m.watcher()
				start(t, w)
				sub := w.Subscribe([]string{path})
				s := newSentinel(t, w)
				s.pass(t) // from here on it is watched
				expectNone(t, sub)
				tt.do(t, dir)
				expectSignal(t, sub)

				// It goes on: the watch is where the path leads now.
				replace(t, path, "newer")
				expectSignal(t, sub)
			})
		}
	}
}

func TestOtherThingsAreNotSignalled(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(t *testing.T, dir string)
	}{
		{"read", func(t *testing.T, dir string) {
			_, err := os.ReadFile(dir + "/f")
			must(t, err)
		}},
		{"deleted", func(t *testing.T, dir string) { must(t, os.Remove(dir+"/f")) }},
		{"a neighbour written", func(t *testing.T, dir string) { write(t, dir+"/g", "x") }},
		{"a neighbour renamed", func(t *testing.T, dir string) {
			write(t, dir+"/g", "x")
			must(t, os.Rename(dir+"/g", dir+"/h"))
		}},
	}
	for how, m := range map[string]mode{"by events": byEvents, "by polling": byPolling} {
		for _, tt := range tests {
			t.Run(tt.name+" "+how, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				w := m.watcher()
				start(t, w)
				sub := w.Subscribe([]string{plain(t, dir)})
				s := newSentinel(t, w)
				s.pass(t)
				tt.do(t, dir)
				s.pass(t)
				s.pass(t) // a second time, for what was waiting to be told
				expectNone(t, sub)
			})
		}
	}
}

func TestAncestorMovedIsFoundByPolling(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, version := range []string{"1", "2"} {
		mkdir(t, dir+"/"+version+"/deep/down")
		write(t, dir+"/"+version+"/deep/down/f", version)
	}
	must(t, os.Rename(dir+"/1", dir+"/now"))
	w := newWatcher(nil, byPolling.options, connectInotify)
	start(t, w)
	sub := w.Subscribe([]string{dir + "/now/deep/down/f"})
	newSentinel(t, w).pass(t)
	must(t, os.Rename(dir+"/now", dir+"/1"))
	must(t, os.Rename(dir+"/2", dir+"/now"))
	expectSignal(t, sub)
}

// Directories that vanish under a watch make inotify report errors at bad times.
func TestDirectoriesSwappedInQuickSuccession(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mkdir(t, dir+"/now")
	w := newWatcher(nil, byPolling.options, connectInotify)
	start(t, w)
	sub := w.Subscribe([]string{plain(t, dir+"/now")})
	for range 200 {
		mkdir(t, dir+"/next")
		write(t, dir+"/next/f", "next")
		must(t, os.Rename(dir+"/now", dir+"/old"))
		must(t, os.Rename(dir+"/next", dir+"/now"))
		must(t, os.RemoveAll(dir+"/old"))
	}
	newSentinel(t, w).pass(t)
	expectSignal(t, sub)
	replace(t, dir+"/now/f", "last")
	expectSignal(t, sub)
}

func TestRelativePaths(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, "f", "old")
	w := byEvents.watcher()
	start(t, w)
	sub := w.Subscribe([]string{"f", ""})
	t.Chdir("/") // it meant the directory of that time
	replace(t, filepath.Join(dir, "f"), "new")
	expectSignal(t, sub)
}
