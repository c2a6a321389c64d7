// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import "time"

const (
	// recheck is the longest time that the loop sleeps: timers do not run while the
	// machine is suspended, and do not follow a clock that is set.
	recheck = 30 * time.Second
	// slack is how far two clocks may drift apart in that time without having been set.
	slack = 2 * time.Second
)

// reading is the wall clock, without its monotonic part, and the monotonic clock, which
// cannot be set, and does not run while the machine is suspended.
type reading struct {
	wall   time.Time
	uptime time.Duration
}

// systemClock reads the machine's clocks.
func systemClock() func() reading {
	start := time.Now()
	return func() reading {
		now := time.Now()
		return reading{now.Round(0), now.Sub(start)}
	}
}

// setBack returns how far the wall clock was set back between two readings. It ignores a
// clock that was set ahead, which looks the same as a machine that was suspended: what
// became due meanwhile is due.
func setBack(before, after reading) time.Duration {
	step := after.wall.Sub(before.wall) - (after.uptime - before.uptime)
	if step > -slack {
		return 0
	}
	return -step
}

// afterSetBack adjusts a deadline to a clock that was set back. A deadline that counts
// from the past keeps its distance. One that the window of a certificate fixes stays,
// but is never further away than when it was set.
func (d deadline) afterSetBack(by, distance time.Duration, now time.Time) deadline {
	if d.absolute {
		if limit := now.Add(distance); d.at.After(limit) {
			d.at = limit
		}
		return d
	}
	d.at = d.at.Add(-by)
	if !d.expires.IsZero() {
		d.expires = d.expires.Add(-by)
	}
	return d
}
