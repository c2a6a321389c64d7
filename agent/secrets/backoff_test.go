// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"math"
	"testing"
	"time"
)

func TestDelay(t *testing.T) {
	t.Parallel()
	const ms, day = time.Millisecond, 24 * time.Hour
	for _, tt := range []struct {
		name      string
		failure   failure
		low, high time.Duration // at a random number of 0 and of nearly 1
	}{
		{"first", failure{count: 1}, 25 * ms, 250 * ms},
		{"third", failure{count: 3}, 100 * ms, time.Second},
		{"at its bound", failure{count: 9}, 6 * time.Second, time.Minute},
		{"for ever", failure{count: math.MaxInt}, 6 * time.Second, time.Minute},
		{"not found", failure{class: NotFound, count: 1}, 25 * ms, 250 * ms},
		{"malformed", failure{class: Malformed, count: 1}, 25 * ms, 250 * ms},
		{"denied", failure{class: Denied, count: 1}, 750 * ms, 7500 * ms},
		{"denied for ever", failure{class: Denied, count: 100}, 30 * time.Second, 5 * time.Minute},
		{"refused", failure{class: Refused, count: 2}, 1500 * ms, 15 * time.Second},
		{"much is left", failure{count: 100, life: day, left: 12 * time.Hour}, 6 * time.Second, time.Minute},
		{"never past a tenth of what is left", failure{count: 100, life: 20 * time.Minute, left: 5 * time.Minute}, 3 * time.Second, 30 * time.Second},
		{"not past it for an operator either", failure{class: Denied, count: 100, life: 20 * time.Minute, left: 5 * time.Minute}, 3 * time.Second, 30 * time.Second},
		{"quicker below a tenth", failure{count: 100, life: 100 * day, left: 9 * day}, 1500 * ms, 15 * time.Second},
		{"nothing is left", failure{count: 100, life: day, left: -time.Hour}, 1500 * ms, 15 * time.Second},
		{"certificate of seconds", failure{count: 1, life: 5 * time.Second, left: time.Second}, 25 * ms, 250 * ms},
		{"last moments", failure{count: 9, life: 5 * time.Second, left: time.Nanosecond}, 25 * ms, 250 * ms},
		{"the server's wish", failure{count: 1, retryAfter: 10 * time.Second}, 10025 * ms, 10250 * ms},
		{"the server's wish, without measure", failure{count: 1, retryAfter: math.MaxInt64}, 5*time.Minute + 25*ms, 5*time.Minute + 250*ms},
		{"the server's wish for the past", failure{count: 1, retryAfter: -time.Hour}, 25 * ms, 250 * ms},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := pace{250 * ms, time.Minute}
			f := tt.failure
			near(t, "low", p.delay(f), tt.low)
			f.random = math.Nextafter(1, 0)
			near(t, "high", p.delay(f), tt.high)
		})
	}
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
