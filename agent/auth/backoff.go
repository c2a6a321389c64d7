// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// backoff says how long to wait between attempts.
type backoff struct{ min, max time.Duration }

const (
	defaultMinBackoff = time.Second
	defaultMaxBackoff = 5 * time.Minute
)

// after returns the wait after the given number of failures in a row: at least
// min, and below a bound that starts at twice min, doubles each time, and ends
// at max. Where asking again is in vain for now the bound quadruples. A random
// number in [0, 1) picks a point of the whole range, so that agents that failed
// together do not return together.
func (b backoff) after(failures int, lasts bool, random float64) time.Duration {
	factor := 2.0
	if lasts {
		factor = 4
	}
	bound := math.Min(float64(b.max), float64(b.min)*math.Pow(factor, float64(failures)))
	return b.min + time.Duration(random*(bound-float64(b.min)))
}

// retryAfter reads the header of that name (RFC 9110, 10.2.3): a number of
// seconds, or a date. What is neither, or past, is no wait.
func retryAfter(header string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(header); err == nil {
		return seconds(n)
	}
	if date, err := http.ParseTime(header); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}
