// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package watch

import (
	"errors"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

// notifier is the source of the kernel's file events.
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

// drain receives fsnotify's errors at once, because fsnotify may send one while it
// holds the lock that Add needs. One of them is enough: it makes the loop check all
// files.
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

// noEvents is a notifier without events, for polling only.
type noEvents struct{}

func (noEvents) Add(string) error              { return nil }
func (noEvents) Remove(string) error           { return nil }
func (noEvents) Events() <-chan fsnotify.Event { return nil }
func (noEvents) Errors() <-chan error          { return nil }
func (noEvents) Close() error                  { return nil }

// limitHint returns a hint for an error of inotify, whose limits are per user and may
// be used up by other programs.
func limitHint(err error) string {
	switch {
	case errors.Is(err, syscall.EMFILE):
		return "raise the sysctl fs.inotify.max_user_instances"
	case errors.Is(err, syscall.ENOSPC):
		return "raise the sysctl fs.inotify.max_user_watches"
	case errors.Is(err, syscall.EACCES):
		return "let the agent's user read the directory"
	}
	return ""
}
