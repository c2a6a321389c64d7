// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certinfo_test

import (
	"testing"
	"time"

	"github.com/certagent/certagent/certinfo"
)

func TestWrongClock(t *testing.T) {
	t.Parallel()
	const h, s = time.Hour, time.Second
	noon := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		skew, backdated, life time.Duration // of the server; before and after its time
		explained             bool
		now                   map[time.Duration]bool // what is expected at another difference
	}{
		"this host is fast":                  {-2 * h, 30 * s, h, true, map[time.Duration]bool{0: false, -h: true, -h + s: false, 2 * h: true}},
		"this host is fast, but not enough":  {-2 * h, 30 * s, 72 * h, false, nil},
		"this host is slow":                  {2 * h, 30 * s, h, true, map[time.Duration]bool{0: false, 5 * time.Minute: false, 6 * time.Minute: true}},
		"this host is slow, but not enough":  {4 * time.Minute, 30 * s, h, false, nil},
		"backdated by more":                  {2 * h, 3 * h, h, false, nil},
		"it has ended by Vault's clock, too": {-2 * h, 30 * s, -s, false, nil},
		"it ends before it begins":           {-2 * h, -2 * h, h, false, nil},
		"Vault dates it into the future":     {2 * h, -h, 5 * h, false, nil},
		"no difference":                      {0, 30 * s, h, false, nil},
	} {
		server := noon.Add(test.skew)
		w, explained := certinfo.NewWrongClock(server.Add(-test.backdated), server.Add(test.life), noon, test.skew)
		if explained != test.explained {
			t.Errorf("%s: explained: %t", name, explained)
		}
		for skew, want := range test.now {
			if got := w.Explains(skew); got != want {
				t.Errorf("%s: with %s now: %t", name, skew, got)
			}
		}
	}
	for skew, want := range map[time.Duration]string{
		2*h - s: "Vault's clock is 2 h ahead of this host's: check NTP on both", -80 * s: "Vault's clock is 80 s behind this host's: check NTP on both",
		100 * h: "Vault's clock is 4 d ahead of this host's: check NTP on both", -40 * time.Minute: "Vault's clock is 40 min behind this host's: check NTP on both",
	} {
		if got := certinfo.SkewHint(skew); got != want {
			t.Errorf("got %q", got)
		}
	}
}
