// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certagent/certagent/vaultreq"
)

// TestSuspendedMachineRenewsOnWaking: the wall clock is eight hours ahead of the
// timers.
func TestSuspendedMachineRenewsOnWaking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		var f *fixture
		ready := make(chan struct{})
		f = start(t, Config{}, func(*http.Request, string) (int, any) {
			<-ready
			return 200, map[string]any{"data": ca.issueAt(f.wall().Add(-30*time.Second), f.wall().Add(8*time.Hour))}
		})
		close(ready)
		f.Authenticated("t1")
		r := req(t, vaultreq.Write, "pki/issue/web", "ttl=8h")
		s := f.subscribe(r)
		first := answered(t, s, r).Version
		fired(s)
		time.Sleep(time.Hour)
		f.offset.Store(int64(8 * time.Hour))
		time.Sleep(recheck)
		if !fired(s) || answered(t, s, r).Version == first {
			t.Errorf("nothing was renewed within %v of waking", recheck)
		}
	})
}

// TestClockSteps: what the wall clock does is not what certificates do. A day of
// steps of an hour renews nothing that is not due, and delays nothing.
func TestClockSteps(t *testing.T) {
	const day = 24 * time.Hour
	for _, step := range []time.Duration{-time.Hour, time.Hour, -10 * 365 * day} {
		t.Run(step.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ca := newAuthority(t)
				f := run(t, Config{}, func(r *http.Request, _ string) (int, any) {
					switch r.URL.Path {
					case "/v1/database/creds/app":
						return 200, lease("l", 3600, false)
					case "/v1/cubbyhole/a":
						return 200, data("a", "b")
					}
					return 200, map[string]any{"data": ca.issue(10 * day)}
				})
				var certificates []vaultreq.Request
				for i := range 100 {
					certificates = append(certificates, req(t, vaultreq.Certificate, "pki/issue/web", fmt.Sprint("common_name=", i)))
				}
				f.subscribe(append(certificates, req(t, vaultreq.Read, "sys/x/../../database/creds/app"), req(t, vaultreq.Read, "cubbyhole/a"))...)
				time.Sleep(10 * time.Minute)
				f.offset.Store(int64(step))

				time.Sleep(50 * time.Minute)
				if n := f.vault.count("PUT"); n != 100 {
					t.Errorf("%d certificates were issued, want 100", n)
				}
				if n := f.vault.count("GET /v1/database/creds/app"); n != 2 {
					t.Errorf("the lease of an hour was read %d times in an hour, want 2", n)
				}
				if n := f.vault.count("GET /v1/cubbyhole/a"); n < 12 || n > 16 {
					t.Errorf("the static secret was read %d times in an hour", n)
				}
				time.Sleep(9*day + 12*time.Hour + time.Hour)
				if n := f.vault.count("PUT"); n != 200 {
					t.Errorf("%d certificates were issued in nine and a half of their ten days, want 200", n)
				}
			})
		})
	}
}

// TestWrongClockIsNoLoop: a host years ahead finds every certificate over on
// arrival, one years behind finds it not valid yet. Neither asks in a loop.
func TestWrongClockIsNoLoop(t *testing.T) {
	for _, off := range []time.Duration{10 * 365 * 24 * time.Hour, -10 * 365 * 24 * time.Hour} {
		for _, kind := range []vaultreq.Kind{vaultreq.Write, vaultreq.Certificate} {
			synctest.Test(t, func(t *testing.T) {
				ca := newAuthority(t)
				f := start(t, Config{}, func(*http.Request, string) (int, any) {
					return 200, map[string]any{"data": ca.issue(time.Hour)}
				})
				f.offset.Store(int64(off))
				f.Authenticated("t1")
				f.subscribe(req(t, kind, "pki/issue/web", "ttl=1h"))
				time.Sleep(2 * time.Hour)
				if n := f.vault.count("PUT"); n < 3 || n > 30 {
					t.Errorf("clock off by %v: %d certificates in two hours", off, n)
				}
			})
		}
	}
}

// TestClockSetBackInFlight: the answer's lifetime counts from a time that has not
// come yet.
func TestClockSetBackInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := run(t, Config{}, func(*http.Request, string) (int, any) {
			time.Sleep(time.Second)
			return 200, data("a", "b")
		})
		r := req(t, vaultreq.Read, "cubbyhole/a")
		s := f.subscribe(r)
		f.offset.Store(-int64(time.Hour))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if a := answered(t, s, r); a.RenewAt.After(f.wall().Add(5 * time.Minute)) {
			t.Errorf("renews at %v, now is %v", a.RenewAt, f.wall())
		}
	})
}

// TestClockSetBackWhileFailing: a failed request does not wait for the old time to
// come round again.
func TestClockSetBackWhileFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := run(t, Config{}, func(*http.Request, string) (int, any) { return 500, refusal("no") })
		r := req(t, vaultreq.Read, "cubbyhole/a")
		s := f.subscribe(r)
		time.Sleep(time.Minute)
		f.offset.Store(-int64(time.Hour))
		time.Sleep(recheck)
		synctest.Wait()
		if _, err := failing(t, s, r); err.RetryAt.After(f.wall().Add(time.Minute)) {
			t.Errorf("tried again at %v, now is %v", err.RetryAt, f.wall())
		}
		before := f.vault.count("GET")
		time.Sleep(10 * time.Minute)
		if n := f.vault.count("GET") - before; n < 10 {
			t.Errorf("%d attempts in ten minutes", n)
		}
	})
}

// TestShortLives: certificates of five seconds are renewed before they end, and
// no more often than they must be. NotAfter has whole seconds, so that they live
// for four to five.
func TestShortLives(t *testing.T) {
	for _, tt := range []struct {
		kind      vaultreq.Kind
		low, high int
	}{{vaultreq.Write, 12, 16}, {vaultreq.Certificate, 22, 32}} {
		synctest.Test(t, func(t *testing.T) {
			ca := newAuthority(t)
			f := run(t, Config{}, func(*http.Request, string) (int, any) {
				time.Sleep(rand.N(50 * time.Millisecond))
				return 200, map[string]any{"data": ca.issue(5 * time.Second)}
			})
			r := req(t, tt.kind, "pki/issue/web", "ttl=5s")
			s := f.subscribe(r)
			time.Sleep(time.Second)
			for range 600 {
				time.Sleep(100 * time.Millisecond)
				synctest.Wait()
				if a := answered(t, s, r); f.wall().After(a.ExpiresAt) {
					t.Fatalf("the certificate ended at %v, now is %v", a.ExpiresAt, f.wall())
				}
			}
			if n := f.vault.count("PUT"); n < tt.low || n > tt.high {
				t.Errorf("%d certificates in a minute, want %d to %d", n, tt.low, tt.high)
			}
		})
	}
}

// TestZeroLifetimesAreNoLoop: whatever a broken server says, it is asked at a
// walking pace.
func TestZeroLifetimesAreNoLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		f := run(t, Config{}, func(r *http.Request, _ string) (int, any) {
			switch r.URL.Path {
			case "/v1/sys/zero":
				return 200, lease("l", 0, true)
			case "/v1/sys/negative":
				return 200, lease("l", -100, false)
			case "/v1/sys/second":
				return 200, lease("l", 1, true)
			case "/v1/sys/leases/renew":
				return 200, lease("l", 1, true)
			}
			return 200, map[string]any{"data": ca.issueAt(time.Now(), time.Now())}
		})
		for _, path := range []string{"sys/zero", "sys/negative", "sys/second"} {
			f.subscribe(req(t, vaultreq.Read, path))
		}
		f.subscribe(req(t, vaultreq.Certificate, "pki/issue/web"))
		time.Sleep(time.Minute)
		for line, most := range map[string]int{
			"GET /v1/sys/zero": 1, "GET /v1/sys/negative": 1, "PUT /v1/pki/issue/web": 1,
			"GET /v1/sys/second": 120, "PUT /v1/sys/leases/renew": 120,
		} {
			if n := f.vault.count(line); n > most {
				t.Errorf("%s: %d requests in a minute", line, n)
			}
		}
	})
}

func TestSetBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		wall, uptime time.Duration
		want         time.Duration
	}{
		{"both run", 30 * time.Second, 30 * time.Second, 0},
		{"slewed", 29 * time.Second, 30 * time.Second, 0},
		{"suspended, or set ahead", 8 * time.Hour, 30 * time.Second, 0},
		{"set back an hour", -59*time.Minute - 30*time.Second, 30 * time.Second, time.Hour},
	} {
		after := reading{noon.Add(tt.wall), tt.uptime}
		if got := setBack(reading{wall: noon}, after); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
