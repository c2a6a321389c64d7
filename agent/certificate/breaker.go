// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"slices"
	"time"
)

// DefaultIssuesPerHour is the default limit of how often a certificate is issued
// within an hour.
const DefaultIssuesPerHour = 10

// Breaker limits how often a certificate is issued, whatever the reason: a window that
// is too short, a disk that loses files, a bug. It is a value, which is stored with the
// certificate so that a restart does not reset it. The zero value has recorded nothing.
type Breaker struct {
	Issued []time.Time `json:"issued,omitempty"` // within the last hour, in order
}

// Record returns the breaker after a certificate has been issued.
func (b Breaker) Record(now time.Time) Breaker {
	return Breaker{Issued: append(b.recent(now), now.Round(0))}
}

// Allows reports whether a certificate may be issued, given the limit per hour, and if
// not, when it may be issued again. A limit of 0 means DefaultIssuesPerHour.
func (b Breaker) Allows(limit int, now time.Time) (until time.Time, ok bool) {
	if limit <= 0 {
		limit = DefaultIssuesPerHour
	}
	recent := b.recent(now)
	if len(recent) < limit {
		return time.Time{}, true
	}
	return recent[len(recent)-limit].Add(time.Hour), false
}

// recent returns the times of issuance within the last hour. If the clock was set back
// some may be in the future; those more than an hour ahead are dropped, so that the
// breaker never blocks for longer than two hours.
func (b Breaker) recent(now time.Time) []time.Time {
	var list []time.Time
	for _, t := range b.Issued {
		if age := now.Sub(t); -time.Hour < age && age < time.Hour {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, time.Time.Compare)
	return list
}
