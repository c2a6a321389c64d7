// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package watch

import (
	"bytes"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// fakeNotifier has only the events that a test makes up.
type fakeNotifier struct {
	events chan fsnotify.Event
	errors chan error
	refuse error // of every Add

	mu      sync.Mutex
	watched map[string]bool
}

func (n *fakeNotifier) Add(dir string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.refuse == nil {
		n.watched[dir] = true
	}
	return n.refuse
}

func (n *fakeNotifier) Remove(dir string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.watched, dir)
	return nil
}

func (n *fakeNotifier) Events() <-chan fsnotify.Event { return n.events }
func (n *fakeNotifier) Errors() <-chan error          { return n.errors }
func (n *fakeNotifier) Close() error                  { return nil }

// bubble runs a test with a watcher of default options, fake events and fake
// time, and one file that is watched.
func bubble(t *testing.T, log *slog.Logger, n *fakeNotifier, f func(t *testing.T, sub *Subscription, path string)) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		n.events, n.errors, n.watched = make(chan fsnotify.Event), make(chan error), make(map[string]bool)
		w := newWatcher(log, Options{Poll: never}, func() (notifier, error) { return n, nil })
		start(t, w)
		sub := w.Subscribe([]string{plain(t, dir)})
		synctest.Wait()
		f(t, sub, filepath.Join(dir, "f"))
	})
}

// signals counts the signals until d has passed, received as they come.
func signals(sub *Subscription, d time.Duration) (at []time.Duration) {
	begin, end := time.Now(), time.After(d)
	for {
		select {
		case <-sub.C():
			at = append(at, time.Since(begin))
		case <-end:
			return at
		}
	}
}

func TestABurstIsOneChange(t *testing.T) {
	n := &fakeNotifier{}
	bubble(t, nil, n, func(t *testing.T, sub *Subscription, path string) {
		go func() {
			for range 5 {
				n.events <- fsnotify.Event{Name: path, Op: fsnotify.Write}
				time.Sleep(50 * time.Millisecond)
			}
		}()
		// The last comes after 200 ms, and then there is rest.
		if got := signals(sub, time.Minute); len(got) != 1 || got[0] != 300*time.Millisecond {
			t.Errorf("signalled at %v, want once at 300ms", got)
		}
	})
}

func TestSeparateChangesAreToldSeparately(t *testing.T) {
	n := &fakeNotifier{}
	bubble(t, nil, n, func(t *testing.T, sub *Subscription, path string) {
		go func() {
			for range 3 {
				n.events <- fsnotify.Event{Name: path, Op: fsnotify.Write}
				time.Sleep(time.Second)
			}
		}()
		if got := signals(sub, time.Minute); len(got) != 3 {
			t.Errorf("signalled at %v, want three times", got)
		}
	})
}

func TestAFileThatNeverRestsIsTold(t *testing.T) {
	n := &fakeNotifier{}
	bubble(t, nil, n, func(t *testing.T, sub *Subscription, path string) {
		go func() {
			for range 100 {
				n.events <- fsnotify.Event{Name: path, Op: fsnotify.Write}
				time.Sleep(30 * time.Millisecond)
			}
		}()
		got := signals(sub, 2500*time.Millisecond)
		if len(got) != 2 || got[0] != time.Second {
			t.Errorf("signalled at %v, want twice, first after a second", got)
		}
		signals(sub, time.Minute) // until the writer has ended
	})
}

func TestEventsWithoutAChange(t *testing.T) {
	n := &fakeNotifier{}
	bubble(t, nil, n, func(t *testing.T, sub *Subscription, path string) {
		for _, op := range []fsnotify.Op{fsnotify.Create, fsnotify.Remove, fsnotify.Rename, fsnotify.Chmod} {
			n.events <- fsnotify.Event{Name: path, Op: op}
			n.events <- fsnotify.Event{Name: path + "2", Op: op | fsnotify.Write}
			n.events <- fsnotify.Event{Name: filepath.Dir(path), Op: op}
		}
		if got := signals(sub, time.Minute); len(got) != 0 {
			t.Errorf("signalled at %v although nothing has changed", got)
		}
	})
}

func TestLostEventsAreMadeUpFor(t *testing.T) {
	n := &fakeNotifier{}
	bubble(t, nil, n, func(t *testing.T, sub *Subscription, path string) {
		replace(t, path, "new")
		n.errors <- fsnotify.ErrEventOverflow
		if got := signals(sub, time.Minute); len(got) != 1 {
			t.Errorf("signalled at %v, want once", got)
		}
	})
}

func TestRefusedWatchesArePolledAndLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	n := &fakeNotifier{refuse: syscall.ENOSPC}
	bubble(t, slog.New(slog.NewTextHandler(&log, nil)), n, func(t *testing.T, sub *Subscription, path string) {
		for range 2 {
			replace(t, path, time.Now().String())
			if got := signals(sub, 2*never); len(got) != 1 {
				t.Errorf("signalled at %v, want once", got)
			}
		}
		if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "fs.inotify.max_user_watches") {
			t.Errorf("logged %q, want one line with a hint", got)
		}
	})
}

func TestLimitHint(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		syscall.EMFILE: true, syscall.ENOSPC: true, syscall.EACCES: true, errors.New("else"): false,
	} {
		if got := limitHint(err); (got != "") != want {
			t.Errorf("%v: got %q", err, got)
		}
	}
}
