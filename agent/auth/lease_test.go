// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"testing"
	"time"
)

func TestLeaseTimes(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		ttl          time.Duration
		random       float64
		renew, login time.Duration // after begin; 0 means never
	}{
		{0, 0.5, 0, 0},
		{time.Hour, 0, 40 * time.Minute, 54 * time.Minute},
		{time.Hour, 0.5, 37 * time.Minute, 51 * time.Minute},
		{time.Hour, 0.9999999, 34 * time.Minute, 48 * time.Minute},
		{seconds(1 << 62), 0, 0, 0},
	} {
		l := newLease(Token{LeaseDuration: test.ttl, Renewable: true}, begin)
		for name, pair := range map[string][2]time.Time{
			"renew": {l.renewAt(test.random), begin.Add(test.renew)},
			"login": {l.loginAt(test.random), begin.Add(test.login)},
		} {
			got, want := pair[0], pair[1]
			switch {
			case test.ttl == 0 && !got.IsZero():
				t.Errorf("%s: a lease without end: got %s", name, got)
			case test.renew > 0 && got.Sub(want).Abs() > time.Second:
				t.Errorf("%s after %s, random %v: got %s, want %s", name, test.ttl, test.random, got, want)
			case test.ttl > 0 && (!got.After(begin) || !got.Before(l.end())):
				t.Errorf("%s after %s: %s is not within the lease, which ends at %s", name, test.ttl, got, l.end())
			}
		}
	}
}

func TestRenewedLease(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	for name, test := range map[string]struct {
		before, after time.Duration
		renewable     bool
		want          bool // renew again
	}{
		"as long as before":            {time.Hour, time.Hour, true, true},
		"a second of rounding":         {time.Hour, time.Hour - time.Second, true, true},
		"longer, as after a look-up":   {time.Minute, time.Hour, true, true},
		"shorter: the maximum is near": {time.Hour, 59 * time.Minute, true, false},
		"nothing left":                 {time.Hour, 0, true, false},
		"no longer renewable":          {time.Hour, time.Hour, false, false},
	} {
		l := newLease(Token{LeaseDuration: test.before, Renewable: true}, begin)
		got := l.renewed(Token{LeaseDuration: test.after, Renewable: test.renewable}, begin)
		if got.renewable != test.want {
			t.Errorf("%s: renewable is %t", name, got.renewable)
		}
		if got.end().IsZero() {
			t.Errorf("%s: the token never ends", name)
		}
	}
}

// TestLeaseForgetsNoLength: a token that was shortened in two small steps has
// been shortened.
func TestLeaseForgetsNoLength(t *testing.T) {
	t.Parallel()
	l := newLease(Token{LeaseDuration: 10 * time.Second, Renewable: true}, time.Now())
	for _, ttl := range []time.Duration{9 * time.Second, 8 * time.Second} {
		l = l.renewed(Token{LeaseDuration: ttl, Renewable: true}, time.Now())
	}
	if l.renewable {
		t.Error("the lease shrank by two seconds, and is to be renewed again")
	}
}
