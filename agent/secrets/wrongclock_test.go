// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/vaultreq"
)

// counted returns how many requests began with the line within each of the periods.
func (f *fakeVault) counted(line string, begin time.Time, periods ...time.Duration) []int {
	counts := make([]int, len(periods))
	for _, r := range f.matching(line) {
		since := r.at.Sub(begin)
		for i, p := range periods {
			if since -= p; since < 0 {
				counts[i]++
				break
			}
		}
	}
	return counts
}

// Certificates that have ended when they are issued, or end before they begin, are
// requested ever more slowly, whatever asks for them; the first good one resets the pace.
func TestUselessAnswersBackOff(t *testing.T) {
	year := 365 * 24 * time.Hour
	for name, window := range map[string]func() (notBefore, notAfter time.Time){
		"ends before it begins":                  func() (time.Time, time.Time) { return time.Now().Add(year), time.Now().Add(-year) },
		"ends before it begins, a year from now": func() (time.Time, time.Time) { return time.Now().Add(2 * year), time.Now().Add(year) },
		"ends when it begins":                    func() (time.Time, time.Time) { return time.Now().Add(year), time.Now().Add(year) },
		"the CA has ended":                       func() (time.Time, time.Time) { return time.Now().Add(-30 * time.Second), time.Now().Add(-time.Second) },
	} {
		for _, kind := range []vaultreq.Kind{vaultreq.Write, vaultreq.Certificate} {
			t.Run(fmt.Sprint(name, " ", kind), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ca := newAuthority(t)
					var good cell[bool]
					var log lines
					f := run(t, Config{StaticInterval: time.Second, Logger: log.logger()}, func(*http.Request, string) (int, any) {
						if good.get() {
							return 200, map[string]any{"data": ca.issue(10 * time.Second)}
						}
						return 200, map[string]any{"data": ca.issueAt(window())}
					})
					f.subscribe(req(t, kind, "pki/issue/web", "ttl=10s"))
					begin := time.Now()
					time.Sleep(2 * time.Hour)
					n := f.vault.counted("PUT", begin, 15*time.Second, time.Hour, time.Hour)
					if n[0] > 15 || n[1] > 60 || n[2] > 60 {
						t.Errorf("%d requests in 15 s, then %d in an hour, and %d in the next", n[0], n[1], n[2])
					}
					if got := log.count(logmsg.CertificateUseless) + log.count(logmsg.ClockSuspect); got < 1 || got > 130 {
						t.Errorf("said %d times", got)
					}
					good.set(true)
					time.Sleep(10 * time.Minute)
					good.set(false)
					before := f.vault.count("PUT")
					time.Sleep(30 * time.Second)
					if n := f.vault.count("PUT") - before; n < 2 || n > 15 {
						t.Errorf("%d requests in the 30 s after a good one", n)
					}
				})
			})
		}
	}
}

// A lifetime of a second is what was asked for: it is renewed in time.
func TestLifetimeOfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		f := run(t, Config{}, func(*http.Request, string) (int, any) {
			return 200, map[string]any{"data": ca.issueAt(time.Now(), time.Now().Add(2*time.Second))}
		})
		f.subscribe(req(t, vaultreq.Certificate, "pki/issue/web", "ttl=1s"))
		time.Sleep(time.Minute)
		if n := f.vault.count("PUT"); n < 40 || n > 130 {
			t.Errorf("%d requests in a minute", n)
		}
	})
}

// A password that is to be rotated now, again and again, is polled ever more slowly.
func TestRotationThatNeverComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := run(t, Config{}, func(*http.Request, string) (int, any) {
			return 200, data("password", "p", "rotation_period", 60, "ttl", -5)
		})
		f.subscribe(req(t, vaultreq.Read, "sys/static"))
		time.Sleep(time.Hour)
		if n := f.vault.count("GET"); n > 200 {
			t.Errorf("%d requests in an hour", n)
		}
	})
}

// vaultsClock is Vault's clock, of which the Store learns by any answer.
type vaultsClock struct {
	fixture *fixture
	ahead   cell[time.Duration] // of the true time
	told    cell[bool]          // an answer has told it since this host's clock was set
}

func (c *vaultsClock) Skew() (time.Duration, bool) {
	return c.ahead.get() - time.Duration(c.fixture.offset.Load()), c.told.get()
}

// While the clocks explain that certificates look invalid, no further one is issued;
// once they are right again, the one at hand is used, or another one issued, at once.
func TestWrongClockIssuesNothing(t *testing.T) {
	for name, test := range map[string]struct {
		offset time.Duration // of this host's clock
		life   time.Duration
	}{
		"two hours fast":                  {2 * time.Hour, time.Hour},
		"two hours slow":                  {-2 * time.Hour, time.Hour},
		"fast, and short lives":           {2 * time.Hour, 20 * time.Second},
		"slow, and short lives":           {-2 * time.Hour, 20 * time.Second},
		"ten years fast":                  {10 * 365 * 24 * time.Hour, 24 * time.Hour},
		"a minute fast, lives of seconds": {time.Minute, 20 * time.Second},
	} {
		for _, kind := range []vaultreq.Kind{vaultreq.Write, vaultreq.Certificate} {
			t.Run(fmt.Sprint(name, " ", kind), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ca := newAuthority(t)
					clock := &vaultsClock{}
					var log lines
					f := start(t, Config{Clock: clock, StaticInterval: time.Second, Logger: log.logger()}, func(r *http.Request, _ string) (int, any) {
						clock.told.set(true)
						if r.URL.Path == "/v1/sys/health" {
							return 429, nil
						}
						return 200, map[string]any{"data": ca.issue(test.life)}
					})
					clock.fixture = f
					f.offset.Store(int64(test.offset))
					f.Authenticated("t1")
					r := req(t, kind, "pki/issue/web")
					s := f.subscribe(r)
					time.Sleep(15 * time.Minute)
					if n := f.vault.count("PUT"); n != 1 {
						t.Errorf("%d certificates were issued in 15 minutes of a wrong clock", n)
					}
					if n := f.vault.count("GET /v1/sys/health"); n > 60 {
						t.Errorf("the clock was measured %d times in 15 minutes", n)
					}
					if log.count(logmsg.ClocksDiffer) != 1 || !strings.Contains(log.text(), "Vault's clock is") {
						t.Errorf("got:\n%s", log.text())
					}
					if _, err := s.Get(r); test.offset > 0 && (err == nil || !strings.Contains(err.Error(), "Vault's clock is")) {
						t.Errorf("got %v", err)
					}

					clock.told.set(false)
					f.offset.Store(0)
					time.Sleep(recheck)
					synctest.Wait()
					a, err := s.Get(r)
					if err != nil || !a.ExpiresAt.After(f.wall()) {
						t.Errorf("half a minute after the clock was set right: %v, %v", a, err)
					}
					if n := f.vault.count("PUT"); test.life > 20*time.Minute && n != 1 {
						t.Errorf("the certificate at hand is valid, but %d were issued", n)
					}
					time.Sleep(time.Minute)
					if log.count(logmsg.ClocksAgree) != 1 && test.life < time.Minute {
						t.Errorf("got:\n%s", log.text())
					}
				})
			})
		}
	}
}

// Vault's clock is at hand for whoever asks, and is measured without issuing anything.
func TestMeasureSkew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &vaultsClock{}
		f := start(t, Config{Clock: clock}, func(*http.Request, string) (int, any) {
			clock.told.set(true)
			return 503, nil
		})
		clock.fixture = f
		clock.ahead.set(time.Hour)
		if _, known := f.Skew(); known {
			t.Error("known before any answer")
		}
		if skew, known := f.MeasureSkew(t.Context()); skew != time.Hour || !known {
			t.Errorf("got %s, %t", skew, known)
		}
		if requests := f.vault.matching("GET /v1/sys/health"); len(requests) != 1 || requests[0].token != "" {
			t.Errorf("got %v", requests)
		}
	})
}

// lines is a log that a test reads.
type lines struct{ cell[string] }

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.value += string(p)
	return len(p), nil
}

func (l *lines) text() string             { return l.get() }
func (l *lines) count(message string) int { return strings.Count(l.get(), message) }
func (l *lines) logger() *slog.Logger     { return slog.New(slog.NewTextHandler(l, nil)) }
