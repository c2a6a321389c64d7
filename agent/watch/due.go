// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package watch

import "time"

// due is when a subscription is signalled: at, which each further change postpones,
// but not past latest.
type due struct{ at, latest time.Time }

// schedule signals s when its files have stopped changing.
func (l *loop) schedule(s *Subscription) {
	now := time.Now()
	d, waiting := l.due[s]
	if !waiting {
		d.latest = now.Add(maxDebounces * l.options.Debounce)
	}
	d.at = now.Add(l.options.Debounce)
	if d.at.After(d.latest) {
		d.at = d.latest
	}
	l.due[s] = d
}

// nextDue returns a channel for the first signal that is due; nil if there is none.
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

// signalDue signals the subscriptions that are due.
func (l *loop) signalDue(now time.Time) {
	for s, d := range l.due {
		if !d.at.After(now) {
			delete(l.due, s)
			s.signal()
		}
	}
}
