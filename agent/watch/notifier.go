// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package watch

import (
	"errors"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

// notifier is the seam to the kernel's events.
type notifier interface {
	Add(dir string) error
	Remove(dir string) error
	Events() <-chan fsnotify.Event
	Errors() <-chan error
	Close() error // waits for its goroutine
}

type inotify struct {
	*fsnotify.Watcher
	errors  chan error
	drained chan struct{}
}

func connectInotify() (notifier, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	i := inotify{Watcher: w, errors: make(chan error, 1), drained: make(chan struct{})}
	go i.drain()
	return i, nil
}

// drain takes errors off fsnotify at once: it may send one while it holds the
// lock that Add needs. One of them is enough to have everything looked at.
func (i inotify) drain() {
	defer close(i.drained)
	for err := range i.Watcher.Errors {
		select {
		case i.errors <- err:
		default:
		}
	}
}

func (i inotify) Events() <-chan fsnotify.Event { return i.Watcher.Events }
func (i inotify) Errors() <-chan error          { return i.errors }

func (i inotify) Close() error {
	err := i.Watcher.Close() // closes its Errors
	<-i.drained
	return err
}

// deaf has no events, and says so nowhere: polling sees to everything.
type deaf struct{}

func (deaf) Add(string) error              { return nil }
func (deaf) Remove(string) error           { return nil }
func (deaf) Events() <-chan fsnotify.Event { return nil }
func (deaf) Errors() <-chan error          { return nil }
func (deaf) Close() error                  { return nil }

// limitHint says what to do when inotify refuses: its limits are per user, and
// easily used up by others.
func limitHint(err error) string {
	switch {
	case errors.Is(err, syscall.EMFILE):
		return "raise the sysctl fs.inotify.max_user_instances"
	case errors.Is(err, syscall.ENOSPC):
		return "raise the sysctl fs.inotify.max_user_watches"
	case errors.Is(err, syscall.EACCES):
		return "events need the right to read the directory"
	}
	return ""
}
