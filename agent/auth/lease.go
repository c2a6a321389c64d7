// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import "time"

// lease is the lifetime of a token, by the wall clock, which runs while the machine is
// suspended.
type lease struct {
	granted   time.Time     // when it was requested, which is not later than its begin
	duration  time.Duration // 0 means for ever
	longest   time.Duration // the longest that this token has had
	renewable bool
}

func newLease(t Token, asked time.Time) lease {
	return lease{granted: asked, duration: t.LeaseDuration, longest: t.LeaseDuration, renewable: t.Renewable}
}

// renewed returns the lease after a renewal. If it is shorter than before, the token has
// reached its maximum: further renewals would only return what is left of it.
func (l lease) renewed(t Token, asked time.Time) lease {
	const rounding = time.Second // the server counts in seconds
	if t.LeaseDuration == 0 || t.LeaseDuration+rounding < l.longest {
		return lease{granted: asked, duration: max(t.LeaseDuration, rounding)}
	}
	return lease{granted: asked, duration: t.LeaseDuration, longest: max(l.longest, t.LeaseDuration), renewable: t.Renewable}
}

// end returns when the token expires; zero means never.
func (l lease) end() time.Time {
	if l.duration == 0 {
		return time.Time{}
	}
	return l.granted.Add(l.duration)
}

// renewAt returns when to renew: after two thirds of the lease, or earlier by up to a
// tenth of it. The random number, in [0, 1), is the fraction of that tenth.
func (l lease) renewAt(random float64) time.Time {
	return l.at(2.0/3 - random/10)
}

// loginAt returns when to log in again instead: after nine tenths of the lease, or
// earlier by up to a tenth of it. The last tenth is left for failed attempts, while the
// old token is still valid.
func (l lease) loginAt(random float64) time.Time {
	return l.at(0.9 - random/10)
}

func (l lease) at(share float64) time.Time {
	if l.duration == 0 {
		return time.Time{}
	}
	return l.granted.Add(time.Duration(share * float64(l.duration)))
}
