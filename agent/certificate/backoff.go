// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import "time"

// Backoff is the pace of attempts that fail: an exponential back-off with full
// jitter, for ever. Secrets that cannot be fetched are retried at the same pace.
type Backoff struct {
	Min, Max time.Duration // bounds of the first delay and of all
}

// Failure is what the back-off needs to know about a failed attempt.
type Failure struct {
	Count      int           // of failures in a row, from 1
	Life, Left time.Duration // of the certificate that is held; 0 Life for none
	RetryAfter time.Duration // the server's wish; 0 or less for none
	Random     float64       // in [0,1), drawn anew each time
}

const (
	// emergency divides the longest delay when little of a lifetime is left.
	emergency = 4
	// patience bounds what a server may wish, in longest delays.
	patience = 5
)

// Delay is how long to wait after a failure. A tenth of the bound is the least,
// so that nothing spins. While a certificate is held, the bound is at most a tenth
// of what is left of it, but not below the first delay's, and below a tenth of
// its life, or after it, it is the emergency's. The server's own wish is added in
// front, up to a cap; while a certificate is held, it is not waited for past
// its end.
func (b Backoff) Delay(f Failure) time.Duration {
	bound := b.Min
	for i := 1; i < f.Count && bound < b.Max; i++ {
		bound *= 2
	}
	bound = min(bound, b.Max)
	if f.Life > 0 {
		if f.Left < f.Life/10 {
			bound = min(bound, max(b.Max/emergency, b.Min))
		}
		if f.Left > 0 {
			bound = min(bound, max(f.Left/10, b.Min))
		}
	}
	wait := max(time.Duration(f.Random*float64(bound)), bound/10)
	if f.RetryAfter <= 0 {
		return wait
	}
	wish := min(f.RetryAfter, b.Max*patience)
	if f.Life > 0 && f.Left > 0 {
		wish = min(wish, f.Left/2)
	}
	return wait + wish
}
