// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certagent/certagent/vaultreq"
)

// The loop is alive while its workers wait for Vault, and needs no token for that.
func TestAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, Config{}, func(r *http.Request, _ string) (int, any) {
			<-r.Context().Done()
			return 500, nil
		})
		f.subscribe(req(t, vaultreq.Read, "cubbyhole/a"))
		for range 2 {
			begun := time.Now()
			if err := f.Alive(t.Context()); err != nil || time.Since(begun) > 0 {
				t.Errorf("Alive: %v after %s", err, time.Since(begun))
			}
			f.Authenticated("t1")
		}
	})
}

// A loop that does not run, or that is held up, gives no sign; one that has ended
// owes none.
func TestAliveWithoutALoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Client: (&fakeVault{}).client(t), Logger: slog.New(slog.DiscardHandler)})
		missing := func() {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := s.Alive(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Alive: %v, want the context's error", err)
			}
		}
		missing()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		if err := s.Alive(t.Context()); err != nil {
			t.Error(err)
		}
		release := make(chan struct{})
		s.mail.post(func(*loop) { <-release })
		missing()
		close(release)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := s.Alive(t.Context()); err != nil {
			t.Errorf("after the end: %v", err)
		}
	})
}
