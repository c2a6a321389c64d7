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

	files   map[string]*file
	entries map[entry]map[*file]bool
	dirs    map[string]int // how many entries each watched directory has
	failed  map[string]bool
	due     map[*Subscription]due // the pending signals
}

// file is a watched path.
type file struct {
	path        string
	fingerprint fingerprint // when the file was last there
	entries     []entry
	polled      bool // there are no events for one of the entries
	subs        map[*Subscription]bool
}

func newLoop(log *slog.Logger, o Options, n notifier) *loop {
	return &loop{
		log: log, options: o, notifier: n,
		files:   make(map[string]*file),
		entries: make(map[entry]map[*file]bool),
		dirs:    make(map[string]int),
		failed:  make(map[string]bool),
		due:     make(map[*Subscription]due),
	}
}

func (l *loop) apply(updates []update) {
	for _, u := range updates {
		for path, before := range u.added {
			l.add(u.sub, path, before)
		}
		for _, path := range u.removed {
			l.remove(u.sub, path)
		}
	}
}

func (l *loop) add(s *Subscription, path string, before fingerprint) {
	if f, known := l.files[path]; known {
		f.subs[s] = true
		if now := fingerprintOf(path); now != before && now != (fingerprint{}) {
			l.schedule(s) // the others may have been signalled already
		}
		return
	}
	f := &file{path: path, fingerprint: before, subs: map[*Subscription]bool{s: true}}
	l.files[path] = f
	l.check(f, false)
}

func (l *loop) remove(s *Subscription, path string) {
	f := l.files[path]
	delete(f.subs, s)
	if len(f.subs) == 0 {
		l.setEntries(f, nil)
		delete(l.files, path)
	}
}

// event checks the files that an event may have changed.
func (l *loop) event(e fsnotify.Event) {
	name := filepath.Clean(e.Name)
	// A write in place may not change the fingerprint: the kernel's clock has coarse
	// ticks.
	written := e.Has(fsnotify.Write)
	for _, f := range l.filesOf(entry{filepath.Dir(name), filepath.Base(name)}) {
		l.check(f, written)
	}
	if l.dirs[name] > 0 && (e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename)) {
		// A watched directory is gone, and its watch with it.
		for s := range maps.Clone(l.entries) {
			if s.dir != name {
				continue
			}
			for _, f := range l.filesOf(s) {
				l.check(f, false)
			}
		}
	}
}

func (l *loop) checkAll() {
	for _, f := range l.files {
		if f.polled || fingerprintOf(f.path) != f.fingerprint {
			l.check(f, false)
		}
	}
}

// check finds out which file a path leads to now, and schedules signals if the file
// has changed. written means that it was written to.
func (l *loop) check(f *file, written bool) {
	f.polled = false
	l.setEntries(f, walk(f.path, func(s entry) {
		if err := l.notifier.Add(s.dir); err != nil {
			f.polled = true
			l.warn(s.dir, err)
		}
	}))
	now := fingerprintOf(f.path)
	if now == (fingerprint{}) || now == f.fingerprint && !written {
		return
	}
	f.fingerprint = now
	for s := range f.subs {
		l.schedule(s)
	}
}

// warn logs, once for each directory, that it is polled.
func (l *loop) warn(dir string, err error) {
	if l.failed[dir] || errors.Is(err, fs.ErrNotExist) {
		return
	}
	l.failed[dir] = true
	l.log.Warn(logmsg.PollingDirectory, logkey.Path, dir, logkey.Error, err, logkey.Hint, limitHint(err))
}
