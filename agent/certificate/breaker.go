// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"slices"
	"time"
)

// DefaultIssuesPerHour is how often a certificate may be issued within an hour if
// nothing else is configured.
const DefaultIssuesPerHour = 10

// Breaker stops a certificate from being issued again and again, whatever the
// reason: a window too small, a disk that forgets, a mistake of ours. It is a
// value, kept beside the certificate so that a restart does not reset it. The
// zero value has seen nothing.
type Breaker struct {
	Issued []time.Time `json:"issued,omitempty"` // within the last hour, in order
}

// Record returns the breaker after a certificate has been issued.
func (b Breaker) Record(now time.Time) Breaker {
	return Breaker{Issued: append(b.recent(now), now.Round(0))}
}

// Allows says whether a certificate may be issued, if limit an hour may; and if
// not, from when on it may. A limit of 0 means DefaultIssuesPerHour.
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

// recent are the issues of the last hour. A clock that was set back makes some
// appear to be in the future; more than an hour ahead they are forgotten, so that
// the breaker never blocks for longer than two hours.
func (b Breaker) recent(now time.Time) []time.Time {
	now = now.Round(0)
	var list []time.Time
	for _, t := range b.Issued {
		if age := now.Sub(t); -time.Hour < age && age < time.Hour {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, time.Time.Compare)
	return list
}
