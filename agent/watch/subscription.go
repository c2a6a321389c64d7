// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package watch

import (
	"os"
	"path/filepath"
	"sync"
)

// Subscription signals the changes of a set of files.
type Subscription struct {
	w       *Watcher
	changed chan struct{}

	mu    sync.Mutex
	paths map[string]bool // nil when closed
}

// Subscribe watches paths from now on. It signals every change after it has returned:
// read the files after subscribing, not before.
func (w *Watcher) Subscribe(paths []string) *Subscription {
	s := &Subscription{w: w, changed: make(chan struct{}, 1), paths: make(map[string]bool)}
	s.Set(paths)
	return s
}

// C signals that at least one of the files has changed since the last signal
// was received. It holds one signal; it is never closed.
func (s *Subscription) C() <-chan struct{} { return s.changed }

// Set replaces the paths. Files need not exist, relative paths are relative to the
// working directory, and empty ones are ignored. It reports whether a path is new:
// such a file may have changed unnoticed since it was read, so it must be read again.
// No change of the paths that stay is lost.
func (s *Subscription) Set(paths []string) (added bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paths == nil {
		return false
	}
	u := update{sub: s, added: make(map[string]fingerprint)}
	wanted := make(map[string]bool, len(paths))
	for _, path := range paths {
		if path == "" {
			continue
		}
		path = uncleanAbsolute(path)
		wanted[path] = true
		if !s.paths[path] {
			u.added[path] = fingerprintOf(path)
		}
	}
	for path := range s.paths {
		if !wanted[path] {
			u.removed = append(u.removed, path)
		}
	}
	s.paths = wanted
	if len(u.added)+len(u.removed) > 0 {
		s.w.queue(u)
	}
	return len(u.added) > 0
}

// Close ends the subscription. A signal that was already sent can still be received.
func (s *Subscription) Close() {
	s.Set(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paths = nil
}

func (s *Subscription) signal() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// uncleanAbsolute returns an absolute path. It does not clean the path, because
// "link/../file" is not "file".
func uncleanAbsolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	dir, err := os.Getwd()
	if err != nil {
		return path // the file cannot be found either
	}
	return dir + "/" + path
}
