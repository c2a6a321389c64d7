// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package expiry_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/certagent/certagent/agent/expiry"
)

var begin = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func in(d time.Duration) time.Time { return begin.Add(d) }

// said looks at the clock every step and returns what is said, each with its time.
func said(facts func(now time.Duration) expiry.Facts, until, step time.Duration) (all []string) {
	names := map[expiry.Notice]string{expiry.Warning: "warning", expiry.Ended: "ended", expiry.Replaced: "replaced"}
	var w expiry.Watch
	for now := time.Duration(0); now <= until; now += step {
		var notice expiry.Notice
		if w, notice = w.Look(facts(now), in(now)); notice != expiry.Nothing {
			all = append(all, fmt.Sprintf("%s %s", names[notice], now))
		}
	}
	return all
}

func TestLook(t *testing.T) {
	const minute, hour = time.Minute, time.Hour
	one := expiry.Facts{Serial: "1", Ends: in(10 * hour)}
	trouble := func(f expiry.Facts) expiry.Facts { f.Trouble = true; return f }
	two := expiry.Facts{Serial: "2", Ends: in(30 * hour)}
	for _, c := range []struct {
		name  string
		facts func(time.Duration) expiry.Facts
		until time.Duration
		want  []string
	}{
		{"none is in use", func(time.Duration) expiry.Facts { return trouble(expiry.Facts{}) }, 20 * hour, nil},
		{"nothing is wrong", func(time.Duration) expiry.Facts { return one }, 9*hour + 59*minute, nil},
		{"nothing is known to be wrong, and it ends", func(time.Duration) expiry.Facts { return one }, 12 * hour,
			[]string{"ended 10h0m0s", "ended 11h0m0s", "ended 12h0m0s"}},
		{"trouble from the beginning", func(time.Duration) expiry.Facts { return trouble(one) }, 11 * hour,
			[]string{"warning 5h0m0s", "warning 7h30m0s", "warning 9h0m0s", "ended 10h0m0s", "ended 11h0m0s"}},
		{"trouble late", func(now time.Duration) expiry.Facts {
			if now < 8*hour {
				return one
			}
			return trouble(one)
		}, 10 * hour, []string{"warning 9h0m0s", "warning 9h30m0s", "warning 9h48m0s", "ended 10h0m0s"}},
		{"trouble that passes", func(now time.Duration) expiry.Facts {
			if now > 6*hour {
				return one
			}
			return trouble(one)
		}, 9 * hour, []string{"warning 5h0m0s"}},
		{"nobody knows whether it is used", func(time.Duration) expiry.Facts {
			f := trouble(one)
			f.Unsure = true
			return f
		}, 13 * hour, []string{"ended 10h0m0s"}},
		{"replaced in time", func(now time.Duration) expiry.Facts {
			if now > 9*hour {
				return two
			}
			return trouble(one)
		}, 11 * hour, []string{"warning 5h0m0s", "warning 7h30m0s", "warning 9h0m0s"}},
		{"replaced after its end", func(now time.Duration) expiry.Facts {
			if now > 10*hour+30*minute {
				return two
			}
			return one
		}, 12 * hour, []string{"ended 10h0m0s", "replaced 10h31m0s"}},
		{"replaced by another one that has ended", func(now time.Duration) expiry.Facts {
			if now > 11*hour {
				return expiry.Facts{Serial: "3", Ends: in(10*hour + minute)}
			}
			return one
		}, 12*hour + 2*minute, []string{"ended 10h0m0s", "ended 11h0m0s", "ended 11h1m0s", "ended 12h1m0s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := said(c.facts, c.until, time.Minute); !slices.Equal(got, c.want) {
				t.Errorf("said %q\nwant %q", got, c.want)
			}
		})
	}
}

// A change that is pending for a moment near the end of a short lifetime is not worth a
// warning. That a certificate has ended is said in any case.
func TestBriefTroubleIsNoWarning(t *testing.T) {
	const step = 100 * time.Millisecond
	troubled := func(from, until, ends time.Duration) func(time.Duration) expiry.Facts {
		return func(now time.Duration) expiry.Facts {
			return expiry.Facts{Serial: "1", Ends: in(ends), Trouble: now >= from && now < until}
		}
	}
	for _, c := range []struct {
		name  string
		facts func(time.Duration) expiry.Facts
		until time.Duration
		want  []string
	}{
		{"for some hundred milliseconds", troubled(1500*time.Millisecond, 1900*time.Millisecond, 2*time.Second), 1900 * time.Millisecond, nil},
		{"until the end", troubled(time.Second, time.Minute, 2*time.Second), 3 * time.Second, []string{"ended 2s"}},
		{"for less than three seconds", troubled(6*time.Second, 8900*time.Millisecond, 10*time.Second), 9900 * time.Millisecond, nil},
		{"for three seconds", troubled(6*time.Second, time.Minute, 10*time.Second), 11 * time.Second, []string{"warning 9s", "warning 9.6s", "ended 10s"}},
		{"one after the other", func(now time.Duration) expiry.Facts {
			serial, begun := now/(2*time.Second), now%(2*time.Second)
			return expiry.Facts{Serial: fmt.Sprint(serial), Ends: in((serial + 1) * 2 * time.Second).Add(time.Second), Trouble: begun > 1500*time.Millisecond}
		}, time.Minute, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := said(c.facts, c.until, step); !slices.Equal(got, c.want) {
				t.Errorf("said %q, want %q", got, c.want)
			}
		})
	}
}

// Look says the same when it is asked only at the times that Next returns, and at least
// every ten seconds while the clock may jump.
func TestNextMissesNothing(t *testing.T) {
	f := expiry.Facts{Serial: "1", Ends: in(100 * time.Second), Trouble: true}
	var w expiry.Watch
	var at []time.Duration
	w, _ = w.Look(f, begin)
	for now := w.Next(); now.Before(in(4 * time.Hour)); now = w.Next() {
		var notice expiry.Notice
		if w, notice = w.Look(f, now); notice == expiry.Nothing {
			t.Fatalf("there is nothing to be said at %s", now.Sub(begin))
		}
		at = append(at, now.Sub(begin))
	}
	want := []time.Duration{50 * time.Second, 75 * time.Second, 90 * time.Second, 100 * time.Second, 100*time.Second + time.Hour}
	if len(at) < len(want) || !slices.Equal(at[:len(want)], want) {
		t.Errorf("at %v, want %v", at, want)
	}
	if next := (expiry.Watch{}).Next(); !next.IsZero() {
		t.Errorf("nothing known, look at %v", next)
	}
}

// The wall clock jumps: an end is told of as soon as it has come by the clock, and once
// more when it comes after the clock was set back.
func TestClockJumps(t *testing.T) {
	f := expiry.Facts{Serial: "1", Ends: in(time.Hour), Trouble: true}
	var w expiry.Watch
	for _, c := range []struct {
		now  time.Duration
		want expiry.Notice
	}{
		{0, expiry.Nothing},
		{365 * 24 * time.Hour, expiry.Ended},
		{time.Minute, expiry.Nothing}, // set back
		{time.Hour, expiry.Ended},
		{time.Hour + 59*time.Minute, expiry.Nothing},
		{2 * time.Hour, expiry.Ended},
		{-time.Hour, expiry.Nothing},
		{0, expiry.Warning}, // half of what was left when the clock was set back
		{90 * time.Minute, expiry.Ended},
	} {
		var got expiry.Notice
		if w, got = w.Look(f, in(c.now)); got != c.want {
			t.Errorf("at %s: %v, want %v", c.now, got, c.want)
		}
	}
}

// The next look is never in the past, whatever is not said.
func TestNextIsAhead(t *testing.T) {
	f := expiry.Facts{Serial: "1", Ends: in(time.Hour), Trouble: true, Unsure: true}
	var w expiry.Watch
	for now := time.Duration(0); now < 3*time.Hour; now += time.Minute {
		w, _ = w.Look(f, in(now))
		if next := w.Next(); !next.After(in(now)) && !next.IsZero() {
			t.Fatalf("at %s: look at %s", now, next.Sub(begin))
		}
	}
}
