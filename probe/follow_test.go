// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var (
	oldLeaf    = &x509.Certificate{Raw: []byte("old")}
	wantedLeaf = &x509.Certificate{Raw: []byte("wanted")}
	errDown    = errors.New("down")
)

// server answers a handshake that begins so long after the beginning.
type server func(ctx context.Context, since time.Duration) (*x509.Certificate, error)

func serving(leaf *x509.Certificate) server {
	return func(context.Context, time.Duration) (*x509.Certificate, error) { return leaf, nil }
}

func down(context.Context, time.Duration) (*x509.Certificate, error) { return nil, errDown }

func hanging(ctx context.Context, _ time.Duration) (*x509.Certificate, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func slow(took time.Duration, s server) server {
	return func(ctx context.Context, since time.Duration) (*x509.Certificate, error) {
		time.Sleep(took)
		return s(ctx, since)
	}
}

// then is the one server until a time, and the other from then on.
func then(until time.Duration, first, second server) server {
	return func(ctx context.Context, since time.Duration) (*x509.Certificate, error) {
		if since < until {
			return first(ctx, since)
		}
		return second(ctx, since)
	}
}

// inTurn is a server with several processes that take turns.
func inTurn(processes ...server) server {
	next := 0
	return func(ctx context.Context, since time.Duration) (*x509.Certificate, error) {
		next++
		return processes[(next-1)%len(processes)](ctx, since)
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	serves, stale := serving(wantedLeaf), serving(oldLeaf)
	tests := []struct {
		name     string
		server   server
		outcome  Outcome
		from, to time.Duration // when the verdict falls
		most     int           // handshakes
		served   *x509.Certificate
		err      string
	}{
		{"serves it", serves, Verified, 300 * ms, 300 * ms, 3, wantedLeaf, ""},
		{"serves it slowly", slow(100*ms, serves), Verified, 600 * ms, 600 * ms, 3, wantedLeaf, ""},
		{"reloads within 100 ms", then(100*ms, stale, serves), Verified, 400 * ms, 500 * ms, 6, wantedLeaf, ""},
		{
			"serves both while it reloads", then(118*ms, inTurn(stale, serves), serves),
			Verified, 300 * ms, 500 * ms, 6, wantedLeaf, "",
		},
		{
			"relapses while it reloads", then(400*ms, inTurn(serves, stale), serves),
			Verified, 1200 * ms, 2500 * ms, 20, wantedLeaf, "",
		},
		{"reloads after five seconds", then(5*time.Second, stale, serves), Verified, 5300 * ms, 6300 * ms, 14, wantedLeaf, ""},
		{"is restarted", then(time.Second, stale, then(3*time.Second, down, serves)), Verified, 3300 * ms, 4300 * ms, 12, wantedLeaf, ""},
		{"ignores the reload", stale, ServedOld, 10 * time.Second, 10 * time.Second, 16, oldLeaf, ""},
		{"is down", down, Unreachable, 10 * time.Second, 10 * time.Second, 16, nil, "down"},
		{"has one process of four that ignored it", inTurn(serves, serves, stale, serves), ServedOld, 10 * time.Second, 10 * time.Second, 60, nil, ""},
		{"hangs", hanging, Unreachable, 10 * time.Second, 10 * time.Second, 2, nil, "no answer within 5s"},
		{"one process of two hangs", inTurn(hanging, serves), Unreachable, 10 * time.Second, 10 * time.Second, 3, wantedLeaf, "no answer within 5s"},
		{"hangs at first", then(time.Second, hanging, serves), Verified, 5300 * ms, 5400 * ms, 4, wantedLeaf, ""},
		{"falls silent after the change", then(200*ms, serves, down), Unreachable, 10 * time.Second, 10 * time.Second, 18, wantedLeaf, "down"},
		{"dies with the old one", then(200*ms, stale, down), ServedOld, 10 * time.Second, 10 * time.Second, 18, oldLeaf, "down"},
		{"changes just too late", then(9900*ms, stale, serves), ServedOld, 10 * time.Second, 10 * time.Second, 18, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				spec := Spec{Want: Fingerprint(wantedLeaf)}
				ctx, cancel := context.WithTimeout(t.Context(), spec.deadline())
				defer cancel()
				start := time.Now()
				got := spec.follow(ctx, func(ctx context.Context) (*x509.Certificate, error) {
					return tt.server(ctx, time.Since(start))
				})
				if took := time.Since(start); took < tt.from || took > tt.to {
					t.Errorf("took %s, want %s to %s", took, tt.from, tt.to)
				}
				if got.Outcome != tt.outcome {
					t.Errorf("got %s, want %s", got.Outcome, tt.outcome)
				}
				if got.Handshakes == 0 || got.Handshakes > tt.most {
					t.Errorf("%d handshakes, want 1 to %d", got.Handshakes, tt.most)
				}
				if tt.served != nil && got.Served != tt.served {
					t.Errorf("served %v last, want %v", got.Served, tt.served)
				}
				if (got.Err == nil) != (tt.err == "") || got.Err != nil && !strings.Contains(got.Err.Error(), tt.err) {
					t.Errorf("last error %v, want %q", got.Err, tt.err)
				}
			})
		})
	}
}

// A shutdown ends it at once, whatever it is doing.
func TestFollowEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]server{"in a pause": down, "in a handshake": hanging, "in a run": inTurn(serving(wantedLeaf), down)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(2*time.Second, cancel)
				start := time.Now()
				got := Spec{Want: Fingerprint(wantedLeaf)}.follow(ctx, func(ctx context.Context) (*x509.Certificate, error) {
					return s(ctx, time.Since(start))
				})
				if took := time.Since(start); took != 2*time.Second || got.Outcome == Verified || got.Err == nil {
					t.Errorf("got %s, %v after %s", got.Outcome, got.Err, took)
				}
			})
		})
	}
}

// A leaf that no server would still serve while it takes up the wanted one ends the
// probe at once; any other does not.
func TestFollowOutdated(t *testing.T) {
	t.Parallel()
	ancient := &x509.Certificate{Raw: []byte("ancient")}
	for _, c := range []struct {
		name    string
		server  server
		outcome Outcome
		most    time.Duration
	}{
		{"the one before", serving(oldLeaf), ServedOld, 10 * time.Second},
		{"an older one", serving(ancient), ServedOld, 0},
		{"the wanted one, then an older one", then(100*time.Millisecond, serving(wantedLeaf), serving(ancient)), ServedOld, 200 * time.Millisecond},
		{"down, then the wanted one", then(time.Second, down, serving(wantedLeaf)), Verified, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				spec := Spec{Want: Fingerprint(wantedLeaf), Outdated: func(l *x509.Certificate) bool { return l == ancient }}
				report := spec.follow(ctx, func(ctx context.Context) (*x509.Certificate, error) { return c.server(ctx, time.Since(begun)) })
				if took := time.Since(begun); report.Outcome != c.outcome || took > c.most {
					t.Errorf("%v after %s, want %v after at most %s", report.Outcome, took, c.outcome, c.most)
				}
			})
		})
	}
}
