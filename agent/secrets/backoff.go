// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import "time"

const (
	// slowdown and slowMax make the pace for failures that only an operator can
	// end: with the default of a minute, from 7.5 s up to 5 minutes.
	slowdown = 8
	slowMax  = 5
	// emergency divides the longest delay when little of a lifetime is left.
	emergency = 4
	// patience bounds what a Retry-After header may demand, in longest delays.
	patience = 5
)

// pace is the configured part of the back-off: the bound of the first delay and
// that of all.
type pace struct{ min, max time.Duration }

// failure is what the back-off needs to know about a failed attempt.
type failure struct {
	class      Class
	count      int           // failures in a row, from 1
	retryAfter time.Duration // the server's wish; 0 or less for none
	life, left time.Duration // of the answer that is held; 0 life for none
	random     float64       // in [0,1), drawn anew each time
}

// delay is an exponential back-off with full jitter. A tenth of the bound is
// the least, so that nothing spins. While an answer is held that ends, the bound
// is at most a tenth of what is left of it, but not below the first delay's, and
// below a tenth of its life, or after it, it is the emergency's: the files on disk
// are about to be refused.
// The server's own wish is added in front, up to a cap.
func (p pace) delay(f failure) time.Duration {
	low, high := p.min, p.max
	if f.class.slow() {
		low, high = max(p.max/slowdown, p.min), p.max*slowMax
	}
	bound := low
	for i := 1; i < f.count && bound < high; i++ {
		bound *= 2
	}
	bound = min(bound, high)
	if f.life > 0 {
		if f.left < f.life/10 {
			bound = min(bound, max(p.max/emergency, p.min))
		}
		if f.left > 0 {
			bound = min(bound, max(f.left/10, p.min))
		}
	}
	wait := max(time.Duration(f.random*float64(bound)), bound/10)
	if f.retryAfter > 0 {
		wait += min(f.retryAfter, p.max*patience)
	}
	return wait
}
