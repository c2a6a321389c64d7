// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan

import "time"

// Backoff is an exponential back-off with full jitter: each delay is drawn
// between nothing and a bound that doubles, so that many agents that fail
// together do not come back together.
type Backoff struct {
	// Min bounds the first delay, Max all of them.
	Min, Max time.Duration
}

// Delay returns how long to wait after the failure with that number, counted
// from 1. The random number in [0,1) is the caller's. No delay is shorter than
// a tenth of its bound, so that a failing step never spins.
func (b Backoff) Delay(failure int, random float64) time.Duration {
	bound := b.Min
	for i := 1; i < failure && bound < b.Max; i++ {
		bound *= 2
	}
	bound = min(bound, b.Max)
	return max(time.Duration(random*float64(bound)), bound/10)
}
