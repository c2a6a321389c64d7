// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"math"
	"net/http"
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	b := backoff{time.Second, 5 * time.Minute}
	for _, test := range []struct {
		failures int
		lasts    bool
		bound    time.Duration
	}{
		{1, false, 2 * time.Second},
		{2, false, 4 * time.Second},
		{8, false, 256 * time.Second},
		{9, false, 5 * time.Minute},
		{1, true, 4 * time.Second},
		{2, true, 16 * time.Second},
		{5, true, 5 * time.Minute},
		{math.MaxInt, true, 5 * time.Minute},
	} {
		least, most := b.after(test.failures, test.lasts, 0), b.after(test.failures, test.lasts, 1)
		if least != b.min || most != test.bound {
			t.Errorf("after %d failures: from %s to %s, want from %s to %s", test.failures, least, most, b.min, test.bound)
		}
	}
	equal := backoff{time.Second, time.Second}
	if got := equal.after(7, false, 0.5); got != time.Second {
		t.Errorf("with equal bounds: got %s", got)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"":     0,
		"30":   30 * time.Second,
		"-5":   0,
		"1e3":  0,
		"soon": 0,
		now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second,
		now.Add(-time.Hour).Format(http.TimeFormat):       0,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("%q: got %s, want %s", header, got, want)
		}
	}
	if got := retryAfter("999999999999999", now); got <= 0 {
		t.Errorf("a huge number: got %s, want a long time", got)
	}
}
