// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package watch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// never is a time that no test lives to see.
const never = time.Hour

// The two ways in which a change is noticed, each without the other.
var (
	byEvents  = mode{Options{Debounce: time.Millisecond, Poll: never}, connectInotify}
	byPolling = mode{Options{Debounce: time.Millisecond, Poll: 5 * time.Millisecond}, func() (notifier, error) {
		return nil, errors.New("no more watches")
	}}
)

type mode struct {
	options Options
	connect func() (notifier, error)
}

func (m mode) watcher() *Watcher { return newWatcher(nil, m.options, m.connect) }

// start runs a watcher until the test ends.
func start(t *testing.T, w *Watcher) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v, want nil", err)
		}
	})
}

// sentinel is a file of its own. When its change is told, all that was asked of
// the watcher and all that happened before has been seen to.
type sentinel struct {
	path string
	sub  *Subscription
}

func newSentinel(t *testing.T, w *Watcher) sentinel {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sentinel")
	write(t, path, "0")
	return sentinel{path, w.Subscribe([]string{path})}
}

func (s sentinel) pass(t *testing.T) {
	t.Helper()
	replace(t, s.path, time.Now().String())
	expectSignal(t, s.sub)
}

func expectSignal(t *testing.T, s *Subscription) {
	t.Helper()
	select {
	case <-s.C():
	case <-time.After(30 * time.Second):
		t.Fatal("the change was not signalled")
	}
}

func expectNone(t *testing.T, s *Subscription) {
	t.Helper()
	select {
	case <-s.C():
		t.Error("signalled although nothing has changed")
	default:
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write writes in place.
func write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

// replace writes beside the file and renames.
func replace(t *testing.T, path, text string) {
	t.Helper()
	write(t, path+".tmp", text)
	must(t, os.Rename(path+".tmp", path))
}

func mkdir(t *testing.T, path string) { t.Helper(); must(t, os.MkdirAll(path, 0o755)) }

func link(t *testing.T, target, path string) { t.Helper(); must(t, os.Symlink(target, path)) }

// relink changes a symlink by one rename.
func relink(t *testing.T, target, path string) {
	t.Helper()
	link(t, target, path+".tmp")
	must(t, os.Rename(path+".tmp", path))
}
