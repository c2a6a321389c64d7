// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package watch

import (
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"path/filepath"

	"github.com/fsnotify/fsnotify"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// loop is Run's state.
type loop struct {
	log      *slog.Logger
	options  Options
	notifier notifier

	files  map[string]*file
	spots  map[spot]map[*file]bool
	dirs   map[string]int // how many spots are in a directory that is watched
	failed map[string]bool
	due    map[*Subscription]due // who is to be told of a change, and when
}

// file is a path that somebody watches.
type file struct {
	path  string
	print fingerprint // as it was when it was last there
	spots []spot
	blind bool // no events for one of the spots
	subs  map[*Subscription]bool
}

func newLoop(log *slog.Logger, o Options, n notifier) *loop {
	return &loop{
		log: log, options: o, notifier: n,
		files:  make(map[string]*file),
		spots:  make(map[spot]map[*file]bool),
		dirs:   make(map[string]int),
		failed: make(map[string]bool),
		due:    make(map[*Subscription]due),
	}
}

func (l *loop) apply(updates []update) {
	for _, u := range updates {
		for path, print := range u.added {
			l.add(u.sub, path, print)
		}
		for _, path := range u.removed {
			l.remove(u.sub, path)
		}
	}
}

func (l *loop) add(s *Subscription, path string, print fingerprint) {
	if f, known := l.files[path]; known {
		f.subs[s] = true
		if now := look(path); now != print && now != (fingerprint{}) {
			l.postpone(s) // it may be no news to the others
		}
		return
	}
	f := &file{path: path, print: print, subs: map[*Subscription]bool{s: true}}
	l.files[path] = f
	l.examine(f, false)
}

func (l *loop) remove(s *Subscription, path string) {
	f := l.files[path]
	delete(f.subs, s)
	if len(f.subs) == 0 {
		l.occupy(f, nil)
		delete(l.files, path)
	}
}

// event looks at the files that an event may have changed.
func (l *loop) event(e fsnotify.Event) {
	name := filepath.Clean(e.Name)
	// A write in place may leave the fingerprint as it is: the kernel's clock
	// has coarse ticks.
	written := e.Has(fsnotify.Write)
	for _, f := range l.at(spot{filepath.Dir(name), filepath.Base(name)}) {
		l.examine(f, written)
	}
	if l.dirs[name] > 0 && (e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename)) {
		// A watched directory has gone, and its watch with it.
		for s := range maps.Clone(l.spots) {
			if s.dir != name {
				continue
			}
			for _, f := range l.at(s) {
				l.examine(f, false)
			}
		}
	}
}

func (l *loop) lookAtAll() {
	for _, f := range l.files {
		if f.blind || look(f.path) != f.print {
			l.examine(f, false)
		}
	}
}

// examine finds out where a path leads now and whether that is a change.
func (l *loop) examine(f *file, written bool) {
	f.blind = false
	l.occupy(f, walk(f.path, func(s spot) {
		if err := l.notifier.Add(s.dir); err != nil {
			f.blind = true
			l.complain(s.dir, err)
		}
	}))
	now := look(f.path)
	if now == (fingerprint{}) || now == f.print && !written {
		return
	}
	f.print = now
	for s := range f.subs {
		l.postpone(s)
	}
}

func (l *loop) complain(dir string, err error) {
	if l.failed[dir] || errors.Is(err, fs.ErrNotExist) {
		return
	}
	l.failed[dir] = true
	l.log.Warn(logmsg.PollingDirectory, logkey.Path, dir, logkey.Error, err, logkey.Hint, limitHint(err))
}
