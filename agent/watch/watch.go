// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package watch signals changes of local files: template sources, the files that
// templates read, tokens and credentials.
//
// It uses the kernel's events on the directories that a path leads through, for
// prompt signals, and polling, for file systems and situations without events: network
// file systems, directories that were moved, and exhausted limits of inotify.
//
// It does not read the files, nor report what changed: a signal means "read again". A
// file that is removed is not a change, because there is nothing to read; a file that
// comes back is one.
package watch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// Options are the timing of a Watcher. Zero values mean the defaults.
type Options struct {
	// Debounce is how long files must not change before their change is signalled, so
	// that a burst is one change; 100 ms by default. Files that keep changing are
	// signalled after ten times that.
	Debounce time.Duration
	// Poll is how often all files are checked, with or without events; 2 s by default.
	// It costs one stat for each file.
	Poll time.Duration
	// NoEvents disables events: files are polled only.
	NoEvents bool
}

// maxDebounces is for how many Debounces a signal may be postponed.
const maxDebounces = 10

// Watcher watches the files of its subscriptions while Run runs.
type Watcher struct {
	log     *slog.Logger
	options Options
	connect func() (notifier, error)
	wake    chan struct{} // one slot: there are updates

	mu      sync.Mutex
	updates []update
}

// update changes the paths of a subscription. It carries the fingerprints of the new
// paths at the time of the call, so that no change is missed until Run applies it.
type update struct {
	sub     *Subscription
	added   map[string]fingerprint
	removed []string
}

// New returns a Watcher that watches when Run runs. A nil logger logs nothing.
func New(log *slog.Logger, o Options) *Watcher { return newWatcher(log, o, connectInotify) }

func newWatcher(log *slog.Logger, o Options, connect func() (notifier, error)) *Watcher {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if o.Debounce <= 0 {
		o.Debounce = 100 * time.Millisecond
	}
	if o.Poll <= 0 {
		o.Poll = 2 * time.Second
	}
	if o.NoEvents {
		connect = func() (notifier, error) { return noEvents{}, nil }
	}
	return &Watcher{log: log, options: o, connect: connect, wake: make(chan struct{}, 1)}
}

// Run watches until ctx ends and then returns nil. It is called once.
// Subscriptions may be made before it, and miss no change.
func (w *Watcher) Run(ctx context.Context) error {
	n, err := w.connect()
	if err != nil {
		w.log.Warn(logmsg.PollingFiles, logkey.Error, err, logkey.Hint, limitHint(err))
		n = noEvents{}
	}
	defer n.Close()
	l := newLoop(w.log, w.options, n)
	poll := time.NewTicker(w.options.Poll)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
			l.apply(w.takeUpdates())
		case e := <-n.Events():
			l.apply(w.takeUpdates()) // the event may be for a new path
			l.event(e)
		case err := <-n.Errors():
			w.log.Debug(logmsg.FileEventsLost, logkey.Error, err)
			l.checkAll()
		case <-poll.C:
			l.checkAll()
		case <-l.nextDue():
			l.signalDue(time.Now())
		}
	}
}

func (w *Watcher) takeUpdates() []update {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.updates
	w.updates = nil
	return u
}

func (w *Watcher) queue(u update) {
	w.mu.Lock()
	w.updates = append(w.updates, u)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}
