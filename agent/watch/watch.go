// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package watch tells when local files change: template sources, the files that
// templates read, tokens and credentials.
//
// Two ways lead to the same question, "is this still the file that it was?".
// The kernel's events, on the directories that a path leads through, make the
// answer prompt. Polling makes it certain where events do not reach: on network
// file systems, below a directory that was moved, or when inotify's limits are
// exhausted.
//
// It refuses to read the files, and to say what changed: a signal means "look
// again". A file that goes away is no change, for there is nothing to look at;
// its return is one.
package watch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// Options are how a Watcher waits. A zero value stands for the default.
type Options struct {
	// Debounce is how long files must have been at rest before their change is
	// told, so that a burst is one change; 100 ms by default. Files that never
	// rest are told of after ten times that.
	Debounce time.Duration
	// Poll is how often all files are looked at, events or not; 2 s by default.
	// It costs one stat a file.
	Poll time.Duration
	// NoEvents leaves everything to polling.
	NoEvents bool
}

// restless is how many Debounces files may keep changing before that is told.
const restless = 10

// Watcher watches files on behalf of its subscriptions, while Run runs.
type Watcher struct {
	log     *slog.Logger
	options Options
	connect func() (notifier, error)
	wake    chan struct{} // one slot: there are updates

	mu      sync.Mutex
	updates []update
}

// update is what a subscription wants from now on. It hands over the new paths'
// fingerprints as they were when it was asked for, so that nothing is missed
// until Run gets to it.
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
		connect = func() (notifier, error) { return deaf{}, nil }
	}
	return &Watcher{log: log, options: o, connect: connect, wake: make(chan struct{}, 1)}
}

// Run watches until ctx ends and then returns nil. It is called once.
// Subscriptions may be made before, and miss nothing.
func (w *Watcher) Run(ctx context.Context) error {
	n, err := w.connect()
	if err != nil {
		w.log.Warn(logmsg.PollingFiles, logkey.Error, err, logkey.Hint, limitHint(err))
		n = deaf{}
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
			l.apply(w.takeUpdates()) // the event may be for a path that is new
			l.event(e)
		case err := <-n.Errors():
			w.log.Debug(logmsg.FileEventsLost, logkey.Error, err)
			l.lookAtAll()
		case <-poll.C:
			l.lookAtAll()
		case <-l.nextDue():
			l.tell(time.Now())
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
