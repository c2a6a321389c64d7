// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import "time"

// lease is a token's lifetime as far as the server has told it. All of it is
// wall-clock time: a suspended machine's other clock stands still.
type lease struct {
	granted   time.Time     // when it was asked for, which is not later than when it began
	duration  time.Duration // 0 means for ever
	longest   time.Duration // the longest that this token has had
	renewable bool
}

func newLease(t Token, asked time.Time) lease {
	return lease{granted: asked, duration: t.LeaseDuration, longest: t.LeaseDuration, renewable: t.Renewable}
}

// renewed returns the lease after a renewal. One that is shorter than before
// has met its maximum: renewing again would only get the rest of it, in ever
// smaller parts.
func (l lease) renewed(t Token, asked time.Time) lease {
	const rounding = time.Second // the server counts in seconds
	if t.LeaseDuration == 0 || t.LeaseDuration+rounding < l.longest {
		return lease{granted: asked, duration: max(t.LeaseDuration, rounding)}
	}
	return lease{granted: asked, duration: t.LeaseDuration, longest: max(l.longest, t.LeaseDuration), renewable: t.Renewable}
}

// end is when the token ends; the zero time means never.
func (l lease) end() time.Time {
	if l.duration == 0 {
		return time.Time{}
	}
	return l.granted.Add(l.duration)
}

// renewAt is when to renew: after two thirds of the lease, or earlier by up to
// a tenth of it. The random number, in [0, 1), is the share of that tenth.
func (l lease) renewAt(random float64) time.Time {
	return l.at(2.0/3 - random/10)
}

// loginAt is when to log in again instead: after nine tenths of the lease, or
// earlier by up to a tenth of it. That leaves the last tenth for attempts that
// fail, while the old token still works.
func (l lease) loginAt(random float64) time.Time {
	return l.at(0.9 - random/10)
}

func (l lease) at(share float64) time.Time {
	if l.duration == 0 {
		return time.Time{}
	}
	return l.granted.Add(time.Duration(share * float64(l.duration)))
}
