// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"slices"
	"time"

	"github.com/certagent/certagent/jitter"
)

// DefaultIssuesPerHour is the default limit of how often a certificate is issued
// before its time within an hour.
const DefaultIssuesPerHour = 10

const (
	// lastPart is the part of a lifetime at the end of which the breaker lets requests
	// through at a slow pace: one each time that this part has passed.
	lastPart = 0.1
	// minPace is the least time between two certificates of which the second one does
	// not count, and the fastest of the slow paces.
	minPace = time.Second
)

// Breaker limits how often a certificate is issued before its time: it ends the loops
// that changed names, lost files, refused answers and refused publications lead to. A
// renewal that is due by the schedule does not count and is always allowed. It is a
// value, which is stored with the certificate so that a restart does not reset it. The
// zero value has recorded nothing.
type Breaker struct {
	Issued []time.Time `json:"issued,omitempty"` // those that count, within the last hour, in order
	Last   time.Time   `json:"last,omitzero"`    // the latest, whether it counts or not
	// Renews is when the one that was issued last is renewed by its schedule; zero if
	// its answer was refused.
	Renews time.Time `json:"renews,omitzero"`
}

// Record returns the breaker after a certificate has been issued that is renewed at a
// time by its schedule. A zero time means that the answer was refused.
func (b Breaker) Record(now, renews time.Time) Breaker {
	now = now.Round(0)
	after := Breaker{Issued: b.recent(now), Last: now, Renews: renews}
	if renews.IsZero() || !b.due(now) || now.Sub(b.Last).Abs() < minPace {
		after.Issued = append(after.Issued, now)
	}
	return after
}

// due reports whether the certificate that was issued last is due by its schedule.
func (b Breaker) due(now time.Time) bool { return !b.Renews.IsZero() && !b.Renews.After(now) }

// Allows reports whether a certificate may be issued, given the limit per hour and the
// one that is held, and if not, when it may be issued. A limit of 0 means
// DefaultIssuesPerHour. In the last tenth of the lifetime of the held one, and after
// it, one request for each tenth of its lifetime is allowed in any case: what could be
// replaced does not expire.
func (b Breaker) Allows(limit int, held Held, now time.Time) (until time.Time, ok bool) {
	if limit <= 0 {
		limit = DefaultIssuesPerHour
	}
	recent := b.recent(now)
	if len(recent) < limit || b.due(now) && now.Sub(b.Last).Abs() >= minPace {
		return time.Time{}, true
	}
	until = recent[len(recent)-limit].Add(time.Hour)
	if held.Leaf != nil {
		l := lifeOf(held.Leaf, held.IssuedAt)
		part := jitter.Part(l.length(), lastPart)
		at := l.end.Add(-part)
		if next := b.Last.Add(max(part, minPace)); next.After(at) {
			at = next
		}
		if at.Before(until) {
			until = at
		}
	}
	return until, !until.After(now)
}

// SetBack returns the breaker after the clock was set back: what was issued a minute
// ago was issued a minute ago.
func (b Breaker) SetBack(by time.Duration) Breaker {
	b.Issued = slices.Clone(b.Issued)
	for i := range b.Issued {
		b.Issued[i] = b.Issued[i].Add(-by)
	}
	if !b.Last.IsZero() {
		b.Last = b.Last.Add(-by)
	}
	return b
}

// Restored returns the breaker that an earlier run left. If the clock was set back
// meanwhile, what was issued in the future counts as issued now.
func (b Breaker) Restored(now time.Time) Breaker {
	if by := b.Last.Sub(now); by > 0 {
		return b.SetBack(by)
	}
	return b
}

// recent returns the times of issuance within the last hour that count. If the clock
// was set back some may be in the future; those more than an hour ahead are dropped.
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
