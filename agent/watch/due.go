// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package watch

import "time"

// due is when a subscription is to be told of a change: at, which moves on with
// each further change, but not past latest.
type due struct{ at, latest time.Time }

// postpone has s told when its files have come to rest.
func (l *loop) postpone(s *Subscription) {
	now := time.Now()
	d, waiting := l.due[s]
	if !waiting {
		d.latest = now.Add(restless * l.options.Debounce)
	}
	d.at = now.Add(l.options.Debounce)
	if d.at.After(d.latest) {
		d.at = d.latest
	}
	l.due[s] = d
}

// nextDue is nil if nobody is to be told of anything.
func (l *loop) nextDue() <-chan time.Time {
	var first time.Time
	for _, d := range l.due {
		if first.IsZero() || d.at.Before(first) {
			first = d.at
		}
	}
	if first.IsZero() {
		return nil
	}
	return time.After(time.Until(first))
}

func (l *loop) tell(now time.Time) {
	for s, d := range l.due {
		if !d.at.After(now) {
			delete(l.due, s)
			s.signal()
		}
	}
}
