// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestMergerRunsEqualChangesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m runQueue
		var runs atomic.Int32
		release := make(chan struct{})
		change := func(context.Context) error {
			runs.Add(1)
			<-release
			return nil
		}
		go m.do(t.Context(), m.join("hup", time.Time{}, 0), change)
		synctest.Wait()
		for range 49 {
			go m.do(t.Context(), m.join("hup", time.Time{}, 0), change)
		}
		synctest.Wait() // one runs, 49 wait for the next run
		if got := runs.Load(); got != 1 {
			t.Fatalf("%d runs at once, want 1", got)
		}
		release <- struct{}{}
		synctest.Wait()
		if got := runs.Load(); got != 2 {
			t.Fatalf("%d runs after the first ended, want 2", got)
		}
		close(release)
		synctest.Wait()
		if got := runs.Load(); got != 2 {
			t.Errorf("%d runs for 50 bundles, want 2", got)
		}
	})
}

func TestMergerNobodyJoinsARunThatHasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m runQueue
		began := make(chan struct{})
		release := make(chan struct{})
		go m.do(t.Context(), m.join("hup", time.Time{}, 0), func(context.Context) error {
			close(began)
			<-release
			return errors.New("the older run")
		})
		<-began
		ran := false
		done := make(chan error)
		go func() {
			done <- m.do(t.Context(), m.join("hup", time.Time{}, 0), func(context.Context) error { ran = true; return nil })
		}()
		synctest.Wait()
		close(release)
		if err := <-done; err != nil || !ran {
			t.Errorf("got %v, ran %v: want a run of its own", err, ran)
		}
	})
}

func TestMergerKeepsDifferentChangesApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m runQueue
		release := make(chan struct{})
		go m.do(t.Context(), m.join("hangs", time.Time{}, 0), func(context.Context) error { <-release; return nil })
		synctest.Wait()
		if err := m.do(t.Context(), m.join("other", time.Time{}, 0), func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
		close(release)
	})
}

func TestMergerWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m runQueue
		release := make(chan struct{})
		change := func(context.Context) error { <-release; return nil }
		go m.do(t.Context(), m.join("hup", time.Time{}, 0), change)
		synctest.Wait()
		go m.do(t.Context(), m.join("hup", time.Time{}, 0), change)
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := m.do(ctx, m.join("hup", time.Time{}, 0), change); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		close(release)
	})
}

func TestMergerRunsOnceForAllThatJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m runQueue
		now := time.Now().Round(0)
		first := m.join("hup", now.Add(time.Second), 0)
		if m.join("hup", now.Add(2*time.Second), 0) != first {
			t.Error("the second has a run of its own")
		}
		if got := m.when(first); !got.Equal(now.Add(time.Second)) {
			t.Errorf("the run is at %v, want the earlier of the two", got)
		}
		if m.join("hup", now, 0); !m.when(first).Equal(now) {
			t.Error("a third could not bring the run forward")
		}
		runs := 0
		change := func(context.Context) error { runs++; return nil }
		for range 3 {
			if err := m.do(t.Context(), first, change); err != nil {
				t.Error(err)
			}
		}
		if runs != 1 {
			t.Errorf("%d runs, want 1", runs)
		}
		if m.join("hup", now, 0) == first {
			t.Error("somebody could join a run that has ended")
		}
	})
}

func TestMergerKeepsTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m runQueue
		if err := m.do(t.Context(), m.join("hup", time.Now(), time.Minute), func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
		began := time.Now().Round(0)
		time.Sleep(10 * time.Second)
		if got, want := m.when(m.join("hup", time.Now(), time.Minute)), began.Add(time.Minute); !got.Equal(want) {
			t.Errorf("the next run is at %v, want %v", got, want)
		}
		if at := time.Now().Add(time.Hour); !m.when(m.join("other", at, time.Minute)).Equal(at) {
			t.Error("another change was held back")
		}
	})
}

// The one that runs the change is stopped, while another waits for it.
func TestMergerAnotherTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m runQueue
		run := m.join("hup", time.Time{}, 0)
		ctx, cancel := context.WithCancel(t.Context())
		go m.do(ctx, run, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		synctest.Wait()
		ran, done := false, make(chan error)
		go func() { done <- m.do(t.Context(), run, func(context.Context) error { ran = true; return nil }) }()
		synctest.Wait()
		cancel()
		if err := <-done; err != nil || !ran {
			t.Errorf("got %v, ran %v: want the other one to run it", err, ran)
		}
	})
}
