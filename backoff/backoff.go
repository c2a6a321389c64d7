// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package backoff decides how long to wait before the next attempt at what has
// failed. All loops of certagent use its one law, with parameters of their own.
//
// It is pure: it neither sleeps nor asks the clock, and the random number is the
// caller's.
package backoff

import (
	"cmp"
	"math"
	"time"
)

// Law is an exponential back-off with jitter. Delays are drawn below a bound
// that grows with each failure in a row, so that many agents that fail together
// do not return together.
type Law struct {
	Min, Max time.Duration // the first bound and the largest
	Factor   int           // by which the bound grows; 0 means 2
	Jitter   Jitter
	Patience int // the longest Retry-After that is obeyed, in Max; 0 means 5
}

// Jitter is the range that a delay is drawn from.
type Jitter int

const (
	// Full is from 0 to the bound, but never less than a tenth of the bound, so
	// that a failing step does not spin.
	Full Jitter = iota
	// UpperHalf is from half of the bound to the bound.
	UpperHalf
	// FromMin is from Min to the bound, which already has grown once after the
	// first failure.
	FromMin
)

// Failure describes a failed attempt.
type Failure struct {
	Count      int           // failures in a row, from 1
	Slow       bool          // time does not heal it: an operator has to
	Life, Left time.Duration // of what is held and expires; a Life of 0 means that nothing is
	RetryAfter time.Duration // what the server asks for; 0 or less means nothing
	Random     float64       // in [0,1), drawn anew each time
}

const (
	// slowdown and slowMax stretch Min and Max for a slow failure: with a Max of
	// a minute, from 7.5 s up to 5 minutes.
	slowdown = 8
	slowMax  = 5
	// emergency divides Max when little of a lifetime is left.
	emergency = 4
	patience  = 5
)

// Delay returns the delay after that many failures in a row, counted from 1, for
// a random number in [0,1).
func (l Law) Delay(count int, random float64) time.Duration {
	return l.After(Failure{Count: count, Random: random})
}

// After returns the delay after a failure. While something is held that expires,
// the bound is at most a tenth of what is left of its life; below a tenth of its
// life, and after it, the bound is at most a quarter of Max. Neither makes it
// less than Min. What the server asks for is added, up to Patience and to half of
// what is left.
func (l Law) After(f Failure) time.Duration {
	return l.jitter(min(l.bound(f), l.expiryBound(f)), f.Random) + l.retryAfter(f)
}

// Doubled returns the sum of the first n delays of a back-off without jitter that
// doubles from first up to longest.
func Doubled(first, longest time.Duration, n int) time.Duration {
	var sum time.Duration
	for delay := min(first, longest); n > 0; n-- {
		if sum > math.MaxInt64-delay {
			return math.MaxInt64
		}
		sum += delay
		delay = min(times(delay, 2), longest)
	}
	return sum
}

// SlowMax returns the largest bound of a slow failure.
func (l Law) SlowMax() time.Duration { return times(l.Max, slowMax) }

// bound returns the bound that the failures in a row lead to.
func (l Law) bound(f Failure) time.Duration {
	bound, highest := l.Min, l.Max
	if f.Slow {
		bound, highest = max(l.Max/slowdown, l.Min), l.SlowMax()
	}
	steps := f.Count - 1
	if l.Jitter == FromMin {
		steps = f.Count
	}
	for range min(steps, 63) { // more than that no duration can be doubled
		bound = times(bound, cmp.Or(l.Factor, 2))
	}
	return min(bound, highest)
}

// expiryBound returns the bound that the expiry of what is held leads to.
func (l Law) expiryBound(f Failure) time.Duration {
	bound := time.Duration(math.MaxInt64)
	if f.Life > 0 && f.Left < f.Life/10 {
		bound = max(l.Max/emergency, l.Min)
	}
	if f.Life > 0 && f.Left > 0 {
		bound = min(bound, max(f.Left/10, l.Min))
	}
	return bound
}

func (l Law) jitter(bound time.Duration, random float64) time.Duration {
	switch l.Jitter {
	case UpperHalf:
		return between(bound/2, bound, random)
	case FromMin:
		return between(l.Min, bound, random)
	default:
		return max(between(0, bound, random), bound/10)
	}
}

func between(low, high time.Duration, random float64) time.Duration {
	return low + time.Duration(random*float64(high-low))
}

// retryAfter returns how much of the server's Retry-After is obeyed.
func (l Law) retryAfter(f Failure) time.Duration {
	wait := min(max(f.RetryAfter, 0), times(l.Max, cmp.Or(l.Patience, patience)))
	if f.Life > 0 && f.Left > 0 {
		wait = min(wait, f.Left/2)
	}
	return wait
}

// times multiplies a duration, up to the longest there is.
func times(d time.Duration, n int) time.Duration {
	if d > math.MaxInt64/time.Duration(n) {
		return math.MaxInt64
	}
	return d * time.Duration(n)
}
