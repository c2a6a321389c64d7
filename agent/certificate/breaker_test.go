// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto/x509"
	"encoding/json"
	"testing"
	"time"
)

// minutes after noon.
func after(m float64) time.Time { return noon.Add(time.Duration(m * float64(time.Minute))) }

// holding is a certificate that is valid from noon, for that many minutes.
func holding(minutes float64) Held {
	return Held{Leaf: &x509.Certificate{NotBefore: noon, NotAfter: after(minutes)}, IssuedAt: noon}
}

// early is a breaker after issues before the time of the certificate, each replaced
// long before its renewal.
func early(at ...float64) Breaker {
	var b Breaker
	for _, m := range at {
		b = b.Record(after(m), after(m+1000))
	}
	return b
}

func TestBreakerLimits(t *testing.T) {
	var b Breaker
	for m := range DefaultIssuesPerHour {
		if _, ok := b.Allows(0, Held{}, after(float64(m))); !ok {
			t.Errorf("tripped at the default after %d", m)
		}
		b = b.Record(after(float64(m)), after(1000))
	}
	for _, limit := range []int{0, -1} { // a negative limit is the default
		if until, ok := b.Allows(limit, Held{}, after(30)); DefaultIssuesPerHour != 10 || ok || !until.Equal(after(60)) {
			t.Errorf("the limit %d allows %d, until %v", limit, DefaultIssuesPerHour+1, until)
		}
	}
	// After a clock was set back, the record is not in order.
	b = Breaker{Issued: []time.Time{after(20), after(0), after(10)}}
	if until, ok := b.Allows(2, Held{}, after(30)); ok || !until.Equal(after(70)) {
		t.Errorf("out of order: %t until %v", ok, until)
	}
	b = Breaker{Issued: []time.Time{after(0)}}
	for m, want := range map[float64]bool{-60: true, -59: false, 0: false, 59: false, 60: true} {
		if _, ok := b.Allows(1, Held{}, after(m)); ok != want {
			t.Errorf("after %v minutes: %t", m, ok)
		}
	}
	if b := b.Record(time.Now(), time.Time{}); b.Issued[0] != b.Issued[0].Round(0) || b.Last != b.Last.Round(0) {
		t.Error("the record has a monotonic time")
	}
}

func TestBreakerOverARestart(t *testing.T) {
	running := early(0, 10, 20)
	text, err := json.Marshal(running)
	if err != nil {
		t.Fatal(err)
	}
	var restarted Breaker
	if err := json.Unmarshal(text, &restarted); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]Breaker{"running": running, "restarted": restarted.Restored(after(30))} {
		if until, ok := b.Allows(3, Held{}, after(30)); ok || !until.Equal(after(60)) {
			t.Errorf("%s: %t until %v", name, ok, until)
		}
		if _, ok := b.Allows(4, Held{}, after(30)); !ok {
			t.Errorf("%s: a higher limit does not allow", name)
		}
		if until, ok := b.Allows(1, Held{}, after(30)); ok || !until.Equal(after(80)) {
			t.Errorf("%s: a lower limit: %t until %v", name, ok, until)
		}
		if _, ok := b.Allows(3, Held{}, after(60)); !ok {
			t.Errorf("%s: not closed after an hour", name)
		}
		if n := len(b.Record(after(65), time.Time{}).Issued); n != 3 {
			t.Errorf("%s: keeps %d", name, n)
		}
		if _, ok := b.Allows(3, Held{}, after(-10)); ok {
			t.Errorf("%s: a clock set back by minutes makes it forget", name)
		}
		if _, ok := b.Allows(3, Held{}, after(-10000)); !ok {
			t.Errorf("%s: a clock set back by days blocks", name)
		}
		if _, ok := b.Allows(0, Held{}, after(30)); !ok {
			t.Errorf("%s: the default is too low", name)
		}
	}
}

// However short the lifetime is, renewals that are due are no loop.
func TestBreakerAllowsRenewalsThatAreDue(t *testing.T) {
	b := Breaker{Last: after(-1), Renews: noon}
	for i := range 100 {
		now := noon.Add(time.Duration(i) * 10 * time.Second)
		if until, ok := b.Allows(1, holding(1000), now); !ok {
			t.Fatalf("renewal %d is held until %v", i, until)
		}
		b = b.Record(now, now.Add(10*time.Second))
	}
	if len(b.Issued) > 0 {
		t.Errorf("%d of them count", len(b.Issued))
	}
	// Nor does a loop keep one that is due from being made.
	b = early(20, 21, 22)
	b.Renews = after(25)
	if _, ok := b.Allows(3, holding(1000), after(25)); !ok {
		t.Error("a renewal that is due is held because of those that were not")
	}
	if _, ok := b.Allows(3, holding(1000), after(24)); ok {
		t.Error("one that is not due is allowed")
	}
}

// What counts: an issue before the time of the one before, an answer that was refused,
// and certificates that are due again within a second.
func TestBreakerCountsLoops(t *testing.T) {
	none := time.Time{}
	for name, c := range map[string]struct {
		renews [3]time.Time
		every  float64
		want   int
	}{
		"due each time":             {[3]time.Time{after(1), after(2), after(3)}, 1, 0},
		"before their time":         {[3]time.Time{after(100), after(100), after(100)}, 1, 2},
		"refused":                   {[3]time.Time{none, none, none}, 1, 3},
		"refused, then one is good": {[3]time.Time{none, none, after(100)}, 1, 3},
		"due at once, in a loop":    {[3]time.Time{after(0), after(0), after(0)}, 0.01, 2},
	} {
		b := Breaker{Last: after(-10), Renews: after(-1)}
		for i, renews := range c.renews {
			b = b.Record(after(float64(i)*c.every), renews)
		}
		if len(b.Issued) != c.want {
			t.Errorf("%s: %d count, want %d", name, len(b.Issued), c.want)
		}
	}
}

// A certificate that could be replaced does not expire: in the last tenth of its
// lifetime, and after it, requests pass at a slow pace.
func TestBreakerLetsNothingExpire(t *testing.T) {
	b := early(0, 1, 2)
	for _, c := range []struct {
		last, now, until float64
		ok               bool
	}{
		{2, 3, 45, false},       // of 50 minutes
		{2, 45, 45, true},       // the last tenth begins
		{45, 45.1, 50, false},   // one was issued then
		{45, 50, 50, true},      // a tenth later
		{50, 51, 55, false},     // it has expired
		{50, 55, 55, true},      //
		{59, 59.5, 60, false},   // the hour ends before
		{-100, 46, 45, true},    // none was issued lately
		{-100, 44.9, 45, false}, //
	} {
		b.Last = after(c.last)
		until, ok := b.Allows(3, holding(50), after(c.now))
		if ok != c.ok || !ok && !until.Equal(after(c.until)) {
			t.Errorf("at %v, the last one at %v: %t until %v", c.now, c.last, ok, until.Sub(noon))
		}
	}
	// A lifetime of a second is no reason to ask ten times a second.
	b.Last = after(10)
	if until, ok := b.Allows(3, holding(1.0/60), after(10)); ok || until.Sub(after(10)) != time.Second {
		t.Errorf("a short lifetime: %t until %v", ok, until)
	}
}

// What was issued while the clock was ahead holds nothing back for longer than it would
// have with a clock that is right.
func TestBreakerMovesBackWithTheClock(t *testing.T) {
	ahead := early(40, 41, 42)
	if until, ok := ahead.SetBack(40*time.Minute).Allows(3, Held{}, after(3)); ok || !until.Equal(after(60)) {
		t.Errorf("set back: %t until %v", ok, until)
	}
	if until, ok := ahead.Restored(after(2)).Allows(3, Held{}, after(3)); ok || !until.Equal(after(60)) {
		t.Errorf("set back between two runs: %t until %v", ok, until)
	}
	if !ahead.Issued[0].Equal(after(40)) {
		t.Error("the breaker before was changed")
	}
	if b := (Breaker{}).SetBack(time.Hour); !b.Last.IsZero() || len(b.Issued) > 0 {
		t.Errorf("nothing becomes something: %+v", b)
	}
}
