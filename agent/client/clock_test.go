// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestClock(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		ahead, took time.Duration
		age, date   string
		least, most time.Duration
		unknown     bool
	}{
		"equal":                 {least: 0, most: 0},
		"half a second":         {ahead: 500 * time.Millisecond},
		"two hours ahead":       {ahead: 2 * time.Hour, least: 2*time.Hour - time.Second, most: 2 * time.Hour},
		"two hours behind":      {ahead: -2 * time.Hour, least: -2 * time.Hour, most: -2*time.Hour + time.Second},
		"a slow answer":         {ahead: time.Hour, took: 5 * time.Second, least: time.Hour - 6*time.Second, most: time.Hour},
		"a very slow answer":    {ahead: time.Hour, took: 11 * time.Second, unknown: true},
		"the answer of a cache": {ahead: time.Hour, age: "7200", unknown: true},
		"no date":               {date: "-", unknown: true},
		"what is no date":       {date: "yesterday", unknown: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var c Clock
				if _, known := c.Skew(); known {
					t.Error("known before the first answer")
				}
				began := time.Now()
				time.Sleep(test.took)
				h := http.Header{}
				switch test.date {
				case "":
					h.Set("Date", began.Add(test.took/2+test.ahead).UTC().Format(http.TimeFormat))
				case "-":
				default:
					h.Set("Date", test.date)
				}
				if test.age != "" {
					h.Set("Age", test.age)
				}
				c.observe(h, began, time.Now())
				time.Sleep(time.Hour)
				skew, known := c.Skew()
				if known == test.unknown || skew < test.least || skew > test.most {
					t.Errorf("got %s, known %t", skew, known)
				}
			})
		})
	}
}

// Once this host's clock was set, or the host was suspended, nothing is known.
func TestClockThatWasSet(t *testing.T) {
	t.Parallel()
	began := time.Now()
	c := Clock{at: began, wall: began.Round(0), least: time.Hour, utmost: time.Hour + time.Second}
	if skew, known := c.skewAt(began.Add(time.Minute)); !known || skew != time.Hour {
		t.Errorf("got %s, %t", skew, known)
	}
	for _, by := range []time.Duration{time.Hour, -time.Hour, 3 * time.Second} {
		moved := Clock{at: began, least: time.Hour, utmost: time.Hour + time.Second, wall: began.Round(0).Add(-by)}
		if _, known := moved.skewAt(began.Add(time.Minute)); known {
			t.Errorf("known after the clock was set by %s", by)
		}
	}
}
