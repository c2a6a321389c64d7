// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestMergerRunsEqualChangesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m merger
		var runs atomic.Int32
		release := make(chan struct{})
		change := func(context.Context) error {
			runs.Add(1)
			<-release
			return nil
		}
		for range 50 {
			go m.do(t.Context(), "hup", change)
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
		var m merger
		began := make(chan struct{})
		release := make(chan struct{})
		go m.do(t.Context(), "hup", func(context.Context) error {
			close(began)
			<-release
			return errors.New("the older run")
		})
		<-began
		ran := false
		done := make(chan error)
		go func() {
			done <- m.do(t.Context(), "hup", func(context.Context) error { ran = true; return nil })
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
		var m merger
		release := make(chan struct{})
		go m.do(t.Context(), "hangs", func(context.Context) error { <-release; return nil })
		synctest.Wait()
		if err := m.do(t.Context(), "other", func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
		close(release)
	})
}

func TestMergerWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m merger
		release := make(chan struct{})
		change := func(context.Context) error { <-release; return nil }
		go m.do(t.Context(), "hup", change)
		synctest.Wait()
		go m.do(t.Context(), "hup", change)
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := m.do(ctx, "hup", change); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		close(release)
	})
}
