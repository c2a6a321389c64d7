// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package backoff_test

import (
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/certagent/certagent/backoff"
)

const (
	ms      = time.Millisecond
	second  = time.Second
	minute  = time.Minute
	day     = 24 * time.Hour
	longest = time.Duration(math.MaxInt64)
)

func TestLaw(t *testing.T) {
	t.Parallel()
	request := backoff.Law{Min: 250 * ms, Max: minute}
	certificate := backoff.Law{Min: second, Max: minute}
	login := backoff.Law{Min: second, Max: 5 * minute, Jitter: backoff.FromMin, Patience: 1}
	steep := login
	steep.Factor = 4
	child := backoff.Law{Min: second, Max: minute, Jitter: backoff.UpperHalf}
	type failure = backoff.Failure
	for _, c := range []struct {
		name      string
		law       backoff.Law
		failure   failure
		low, high time.Duration // for a random number of 0, and for one of nearly 1
	}{
		{"request: first", request, failure{Count: 1}, 25 * ms, 250 * ms},
		{"request: second", request, failure{Count: 2}, 50 * ms, 500 * ms},
		{"request: third", request, failure{Count: 3}, 100 * ms, second},
		{"request: at its bound", request, failure{Count: 9}, 6 * second, minute},
		{"request: for ever", request, failure{Count: math.MaxInt}, 6 * second, minute},
		{"request: slow, first", request, failure{Slow: true, Count: 1}, 750 * ms, 7500 * ms},
		{"request: slow, second", request, failure{Slow: true, Count: 2}, 1500 * ms, 15 * second},
		{"request: slow, for ever", request, failure{Slow: true, Count: 100}, 30 * second, 5 * minute},
		{"slow is not below the first bound", backoff.Law{Min: 10 * second, Max: minute}, failure{Slow: true, Count: 1}, second, 10 * second},

		{"much is left", request, failure{Count: 100, Life: day, Left: 12 * time.Hour}, 6 * second, minute},
		{"a tenth of what is left", request, failure{Count: 100, Life: 20 * minute, Left: 5 * minute}, 3 * second, 30 * second},
		{"a tenth of what is left, slow", request, failure{Slow: true, Count: 100, Life: 20 * minute, Left: 5 * minute}, 3 * second, 30 * second},
		{"exactly a tenth of the life is left", request, failure{Count: 100, Life: 100 * day, Left: 10 * day}, 6 * second, minute},
		{"just less than a tenth of the life is left", request, failure{Count: 100, Life: 100 * day, Left: 10*day - 1}, 1500 * ms, 15 * second},
		{"emergency", request, failure{Count: 100, Life: 100 * day, Left: 9 * day}, 1500 * ms, 15 * second},
		{"emergency, slow", request, failure{Slow: true, Count: 100, Life: 100 * day, Left: 9 * day}, 1500 * ms, 15 * second},
		{"emergency: not below the first bound", backoff.Law{Min: 30 * second, Max: minute}, failure{Count: 9, Life: day, Left: -1}, 3 * second, 30 * second},
		{"expired", request, failure{Count: 100, Life: day, Left: -time.Hour}, 1500 * ms, 15 * second},
		{"expired now", request, failure{Count: 100, Life: day}, 1500 * ms, 15 * second},
		{"life of seconds", request, failure{Count: 1, Life: 5 * second, Left: second}, 25 * ms, 250 * ms},
		{"last moments", request, failure{Count: 9, Life: 5 * second, Left: 1}, 25 * ms, 250 * ms},
		{"shortest of all lives", request, failure{Count: 9, Life: 1, Left: 1}, 25 * ms, 250 * ms},
		{"shortest of all lives, expired", request, failure{Count: 9, Life: 1, Left: -1}, 1500 * ms, 15 * second},
		{"nothing is held", request, failure{Count: 9, Left: second}, 6 * second, minute},
		{"nothing is held, and nothing left", request, failure{Count: 9, Left: -1}, 6 * second, minute},

		{"Retry-After", request, failure{Count: 1, RetryAfter: 10 * second}, 10025 * ms, 10250 * ms},
		{"Retry-After, longest", request, failure{Count: 1, RetryAfter: longest}, 5*minute + 25*ms, 5*minute + 250*ms},
		{"Retry-After, past", request, failure{Count: 1, RetryAfter: -time.Hour}, 25 * ms, 250 * ms},
		{"Retry-After, past half of what is left", request, failure{Count: 1, RetryAfter: time.Hour, Life: time.Hour, Left: 4 * minute}, 2*minute + 25*ms, 2*minute + 250*ms},
		{"Retry-After, expired", request, failure{Count: 1, RetryAfter: time.Hour, Life: time.Hour, Left: -1}, 5*minute + 25*ms, 5*minute + 250*ms},
		{"Retry-After, expired now", request, failure{Count: 1, RetryAfter: time.Hour, Life: time.Hour}, 5*minute + 25*ms, 5*minute + 250*ms},
		{"Retry-After, shortest of all lives", request, failure{Count: 1, RetryAfter: time.Hour, Life: 1, Left: 1}, 25 * ms, 250 * ms},
		{"Retry-After, nothing is held", request, failure{Count: 1, RetryAfter: minute, Left: second}, minute + 25*ms, minute + 250*ms},
		{"Retry-After, patience", login, failure{Count: 1, RetryAfter: time.Hour}, 5*minute + second, 5*minute + 2*second},

		{"certificate: first", certificate, failure{Count: 1}, 100 * ms, second},
		{"certificate: fourth", certificate, failure{Count: 4}, 800 * ms, 8 * second},
		{"certificate: many", certificate, failure{Count: 1 << 30}, 6 * second, minute},
		{"certificate: much is left", certificate, failure{Count: 99, Life: 72 * time.Hour, Left: 24 * time.Hour}, 6 * second, minute},
		{"certificate: below a tenth", certificate, failure{Count: 99, Life: 72 * time.Hour, Left: time.Hour}, 1500 * ms, 15 * second},
		{"certificate: never past what is left", certificate, failure{Count: 99, Life: minute, Left: 50 * second}, 500 * ms, 5 * second},
		{"certificate: a second is left", certificate, failure{Count: 99, Life: minute, Left: second}, 100 * ms, second},
		{"certificate: after the end, for ever", certificate, failure{Count: 99999, Life: time.Hour, Left: -1000 * time.Hour}, 1500 * ms, 15 * second},

		{"login: first", login, failure{Count: 1}, second, 2 * second},
		{"login: second", login, failure{Count: 2}, second, 4 * second},
		{"login: eighth", login, failure{Count: 8}, second, 256 * second},
		{"login: ninth", login, failure{Count: 9}, second, 5 * minute},
		{"login: steep, first", steep, failure{Count: 1}, second, 4 * second},
		{"login: steep, second", steep, failure{Count: 2}, second, 16 * second},
		{"login: steep, fifth", steep, failure{Count: 5}, second, 5 * minute},
		{"login: steep, for ever", steep, failure{Count: math.MaxInt}, second, 5 * minute},
		{"login: equal bounds", backoff.Law{Min: second, Max: second, Jitter: backoff.FromMin}, failure{Count: 7}, second, second},

		{"child: first", child, failure{Count: 1}, 500 * ms, second},
		{"child: second", child, failure{Count: 2}, second, 2 * second},
		{"child: sixth", child, failure{Count: 6}, 16 * second, 32 * second},
		{"child: seventh", child, failure{Count: 7}, 30 * second, minute},
		{"child: longest of all", backoff.Law{Min: second, Max: longest, Jitter: backoff.UpperHalf}, failure{Count: 201}, longest / 2, longest},
		{"from a nanosecond to the longest of all", backoff.Law{Min: 1, Max: longest}, failure{Count: math.MaxInt}, longest / 10, longest},
		{"Min above Max", backoff.Law{Min: minute, Max: second}, failure{Count: 1}, 100 * ms, second},
		{"no delay", backoff.Law{Max: minute}, failure{Count: math.MaxInt}, 0, 0},
	} {
		f := c.failure
		if got := c.law.After(f); got != c.low {
			t.Errorf("%s: at least %v, want %v", c.name, got, c.low)
		}
		f.Random = math.Nextafter(1, 0)
		if got := c.law.After(f); (got - c.high).Abs() > c.high/1e9+1 {
			t.Errorf("%s: at most %v, want %v", c.name, got, c.high)
		}
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	law := backoff.Law{Min: time.Second, Max: time.Minute}
	for _, c := range []struct {
		count  int
		random float64
		want   time.Duration
	}{
		{1, 0, 100 * ms}, {1, 0.5, 500 * ms}, {2, 0.5, second}, {4, 0.25, 2 * second},
		{7, 0.5, 30 * second}, {1000, 0.5, 30 * second}, {1000, 0, 6 * second},
	} {
		if got := law.Delay(c.count, c.random); got != c.want {
			t.Errorf("failure %d, random %v: %v, want %v", c.count, c.random, got, c.want)
		}
	}
	for count := 1; count <= 100; count++ {
		if got := law.Delay(count, 0.999999999); got > law.Max || got <= 0 {
			t.Errorf("failure %d: %v, outside (0, %v]", count, got, law.Max)
		}
	}
	for bound, want := range map[time.Duration]time.Duration{
		minute: 5 * minute, longest / 5: longest / 5 * 5, longest/5 + 1: longest, longest: longest,
	} {
		if got := (backoff.Law{Max: bound}).SlowMax(); got != want {
			t.Errorf("SlowMax for %d: %d, want %d", bound, got, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	const centuries = 999999999 * time.Second
	for header, want := range map[string]time.Duration{
		"": 0, "7": 7 * second, "30": 30 * second, "0": 0, "-5": 0, "1e3": 0, "soon": 0,
		"999999999": centuries, "999999999999999": longest,
		"9223372036": 9223372036 * second, "9223372037": longest, "9223372036854775807": longest,
		now.Add(90 * second).Format(http.TimeFormat): 90 * second,
		now.Add(90 * second).Format(time.RFC850):     90 * second,
		now.Add(90 * second).Format(time.ANSIC):      90 * second,
		now.Add(-time.Hour).Format(http.TimeFormat):  0,
	} {
		if got := backoff.RetryAfter(header, now); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

// However often something fails, and whatever is drawn, no delay is zero and none
// exceeds the bound.
func TestLawStaysWithinItsBound(t *testing.T) {
	t.Parallel()
	law := backoff.Law{Min: 500 * ms, Max: 30 * second}
	for count := 1; count <= 100; count++ {
		for _, random := range []float64{0, 0.5, 0.999999999} {
			if got := law.Delay(count, random); got <= 0 || got > law.Max {
				t.Errorf("failure %d, random %v: %v is outside (0, %v]", count, random, got, law.Max)
			}
		}
	}
}

// The sums are those of Vault Agent's vault.retry, as it was measured.
func TestDoubled(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		first, longest time.Duration
		n              int
		want           time.Duration
	}{
		{250 * time.Millisecond, time.Minute, 12, 303750 * time.Millisecond},
		{250 * time.Millisecond, time.Minute, 4, 3750 * time.Millisecond},
		{time.Second, time.Second, 3, 3 * time.Second},
		{2 * time.Second, time.Second, 2, 2 * time.Second},
		{time.Second, time.Minute, 0, 0},
		{time.Second, time.Minute, -1, 0},
		{time.Hour, math.MaxInt64, 100, math.MaxInt64},
	} {
		if got := backoff.Doubled(test.first, test.longest, test.n); got != test.want {
			t.Errorf("%s up to %s, %d times: got %s, want %s", test.first, test.longest, test.n, got, test.want)
		}
	}
}
