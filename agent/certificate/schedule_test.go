// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto/x509"
	"fmt"
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/certagent/certagent/certspec"
	"github.com/certagent/certagent/timewindow"
)

// utc parses "2 15:04" as a time of March 2026.
func utc(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-2 15:04", "2026-03-"+text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestWhenWithoutWindow(t *testing.T) {
	hour := time.Hour
	for _, tt := range []struct {
		name       string
		s          Schedule
		before     time.Duration // from NotBefore to noon
		after      time.Duration // from noon to NotAfter
		issued     time.Duration // from noon; -1 for not known
		early, end time.Duration // from noon, of the least and the greatest draw
	}{
		{"two thirds", Schedule{}, 0, 90 * hour, -1, 60 * hour, 51 * hour},
		{"renew_before", Schedule{Renew: certspec.Renew{Before: 10 * hour}}, 0, 100 * hour, -1, 90 * hour, 80 * hour},
		{"renew_before longer than it lives", Schedule{Renew: certspec.Renew{Before: 100 * hour}}, 0, 90 * hour, -1, 60 * hour, 51 * hour},
		{"renew_before of nearly all of it", Schedule{Renew: certspec.Renew{Before: 99 * hour}}, 0, 100 * hour, -1, hour, hour / 2},
		{"renew_before as long as it lives", Schedule{Renew: certspec.Renew{Before: 90 * hour}}, 0, 90 * hour, -1, 60 * hour, 51 * hour},
		{"renew_before of a nanosecond", Schedule{Renew: certspec.Renew{Before: 1}}, 0, 90 * hour, -1, 90 * hour, 81 * hour},
		{"renew_at", Schedule{Renew: certspec.Renew{At: 0.5}}, 0, 100 * hour, -1, 50 * hour, 40 * hour},
		{"renew_at very soon", Schedule{Renew: certspec.Renew{At: 0.1}}, 0, 100 * hour, -1, 10 * hour, 5 * hour},
		{"dated back, moment of issue known", Schedule{}, 30 * time.Second, 9 * time.Second, 0, 6 * time.Second, 5100 * time.Millisecond},
		{"dated back, moment of issue lost", Schedule{}, 30 * hour, 60 * hour, -1, 30 * hour, 21 * hour},
		{"issued in the future", Schedule{}, 0, 90 * hour, 90 * hour, 60 * hour, 51 * hour},
		{"the clock is a day behind", Schedule{}, -24 * hour, (24 + 90) * hour, 0, 60 * hour, 51 * hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &x509.Certificate{NotBefore: noon.Add(-tt.before), NotAfter: noon.Add(tt.after)}
			var issued time.Time
			if tt.issued >= 0 {
				issued = noon.Add(tt.issued)
			}
			l := lifeOf(c, issued)
			for _, at := range []struct {
				draw float64
				want time.Duration
			}{{0, tt.early}, {1, tt.end}} {
				got, reason := tt.s.at(tt.s.span(l, at.draw), at.draw, noon)
				if d := got.Sub(noon) - at.want; d.Abs() > time.Millisecond || reason != DueByAge {
					t.Errorf("draw %v: after %v (%s), want %v", at.draw, got.Sub(noon), reason, at.want)
				}
			}
		})
	}
}

func TestLifetimesWithoutEnd(t *testing.T) {
	c := &x509.Certificate{NotBefore: noon, NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), SerialNumber: big.NewInt(1)}
	w, err := timewindow.Parse("02:00-05:00 UTC", time.LoadLocation)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []Schedule{{}, {Window: w}, {Renew: certspec.Renew{At: 0.99}}, {Renew: certspec.Renew{Before: math.MaxInt64 - 1}}} {
		if at, _ := s.at(s.span(lifeOf(c, noon), 0.5), 0.5, noon); at.Before(noon) || at.After(c.NotAfter) {
			t.Errorf("%+v: at %v", s, at)
		}
	}
}

func TestWhenWithWindow(t *testing.T) {
	for _, tt := range []struct {
		name, window     string
		issued, end, now string // of March
		draw             float64
		want             string
		reason           Reason
	}{
		// 6 days, wanted on the 6th at 00:00, latest on the 7th at 00:00.
		{"the next one", "02:00-05:00", "2 00:00", "8 00:00", "2 00:00", 0, "6 02:00", DueInWindow},
		{"each host at its own moment", "02:00-05:00", "2 00:00", "8 00:00", "2 00:00", 0.5, "6 03:30", DueInWindow},
		{"open at the wanted moment", "22:00-04:00", "2 00:00", "8 00:00", "2 00:00", 0, "6 00:00", DueInWindow},
		{"it is open now", "02:00-05:00", "2 00:00", "8 00:00", "6 04:00", 0, "6 04:00", DueInWindow},
		{"it was missed, and the next is too late", "02:00-05:00", "2 00:00", "8 00:00", "6 06:00", 0, "7 00:00", DueForSafety},
		{"past the latest, even out of the window", "02:00-05:00", "2 00:00", "8 00:00", "7 12:00", 0, "7 00:00", DueForSafety},
		{"it was missed, and the next will do", "20:00-23:00", "2 00:00", "17 00:00", "12 23:30", 0, "13 20:00", DueInWindow},
		// 3 days, wanted on the 4th at 00:00, latest at 12:00: the window before it.
		{"the one before", "14:00-16:00", "2 00:00", "5 00:00", "2 00:00", 0, "3 14:00", DueInWindow},
		{"the one before is open now", "14:00-16:00", "2 00:00", "5 00:00", "3 15:00", 0, "3 15:00", DueInWindow},
		{"the one before has closed", "14:00-16:00", "2 00:00", "5 00:00", "3 17:00", 0, "4 00:00", DueForSafety},
		// A day, wanted at 16:00, latest at 20:00, earliest at 08:00.
		{"none fits", "02:00-05:00", "2 00:00", "3 00:00", "2 00:00", 0, "2 16:00", DueForSafety},
		{"one early enough", "09:00-10:00", "2 00:00", "3 00:00", "2 00:00", 0, "2 09:00", DueInWindow},
		{"one too early", "06:00-07:00", "2 00:00", "3 00:00", "2 00:00", 0, "2 16:00", DueForSafety},
		{"the next one opens at the latest", "12:00-13:00", "2 00:00", "5 00:00", "2 00:00", 0, "4 12:00", DueInWindow},
		{"now is the wanted moment", "14:00-16:00", "2 00:00", "5 00:00", "4 00:00", 0, "4 00:00", DueForSafety},
		{"past the wanted moment", "14:00-16:00", "2 00:00", "5 00:00", "4 00:01", 0, "4 12:00", DueForSafety},
		{"one hour that never opens", "05:00-06:00", "2 12:00", "2 18:00", "2 12:00", 0, "2 16:00", DueForSafety},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, err := timewindow.Parse(tt.window+" UTC", time.LoadLocation)
			if err != nil {
				t.Fatal(err)
			}
			s := Schedule{Window: w}
			l := life{utc(t, tt.issued), utc(t, tt.end)}
			// The draw moves the wanted moment, too; here only the one in the window.
			got, reason := s.at(s.span(l, 0), tt.draw, utc(t, tt.now))
			if !got.Equal(utc(t, tt.want)) || reason != tt.reason {
				t.Errorf("got %s, %s", got.Format("2 15:04"), reason)
			}
		})
	}
}

// TestScheduleKeepsItsPromises walks through lifetimes minute by minute as the
// agent does, and looks at when a certificate is renewed.
func TestScheduleKeepsItsPromises(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("no time zones here: %v", err)
	}
	zone := func(string) (*time.Location, error) { return berlin, nil }
	for _, text := range []string{"02:00-05:00", "22:00-04:00", "00:00-24:00", "23:59-00:00", "02:15-02:45"} {
		w, err := timewindow.Parse(text, zone)
		if err != nil {
			t.Fatal(err)
		}
		// Clocks are set forward on March 29.
		for start := utc(t, "26 00:00"); start.Before(utc(t, "30 00:00")); start = start.Add(7 * time.Hour) {
			for _, length := range []time.Duration{time.Hour, 24 * time.Hour, 72 * time.Hour, 240 * time.Hour} {
				for _, draw := range []float64{0, 0.3, 0.999} {
					s := Schedule{Window: w}
					l := life{start, start.Add(length)}
					p := s.span(l, draw)
					now := start
					for ; ; now = now.Add(5 * time.Minute) {
						if at, _ := s.at(p, draw, now); !at.After(now) {
							break
						}
					}
					if now.Before(p.earliest.Add(-time.Minute)) || now.After(p.latest.Add(6*time.Minute)) {
						t.Errorf("%s, %v from %v, draw %v: renewed at %v", text, length, start, draw, now)
					}
				}
			}
		}
	}
}

func TestJitterSpreads(t *testing.T) {
	c := &x509.Certificate{SerialNumber: big.NewInt(7)}
	const hosts = 1000
	var tenths [10]int
	for i := range hosts {
		d := draw(fmt.Sprintf("host-%d", i), c)
		if d != draw(fmt.Sprintf("host-%d", i), c) {
			t.Fatal("drawn twice")
		}
		tenths[int(d*10)]++
	}
	for i, n := range tenths {
		if n < hosts/20 || n > hosts/5 {
			t.Errorf("tenth %d: %d of %d hosts", i, n, hosts)
		}
	}
	if other := (&x509.Certificate{SerialNumber: big.NewInt(8)}); draw("host", c) == draw("host", other) {
		t.Error("another certificate draws the same")
	}
	one, two := &x509.Certificate{SerialNumber: big.NewInt(0x6263)}, &x509.Certificate{SerialNumber: big.NewInt(0x63)}
	if draw("a", one) == draw("ab", two) {
		t.Error("host and serial number run into each other")
	}
}
