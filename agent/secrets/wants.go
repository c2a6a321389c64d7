// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"container/heap"
	"slices"

	"github.com/certagent/certagent/vaultreq"
)

// want replaces what a subscription wants.
func (l *loop) want(s *Subscription, requests []vaultreq.Request) {
	wants := make(map[vaultreq.Request]bool, len(requests))
	for _, r := range requests {
		if !wants[r] && !s.wants[r] {
			l.subscribe(s, r)
		}
		wants[r] = true
	}
	for r := range s.wants {
		if !wants[r] {
			l.leave(s, r)
		}
	}
	s.wants = wants
}

// subscribe adds a subscription to the entry of a request, which it makes if necessary.
func (l *loop) subscribe(s *Subscription, r vaultreq.Request) {
	e := l.entries[r]
	if e == nil {
		e = l.newEntry(r)
	}
	e.subs = append(e.subs, s)
	if e.answer != nil || e.err != nil {
		s.wake()
	}
}

// newEntry makes the entry of a request, which is due at once.
func (l *loop) newEntry(r vaultreq.Request) *entry {
	l.order++
	e := &entry{request: r, act: ask, place: -1, order: l.order}
	l.entries[r] = e
	if l.config.Adopt != nil && (r.Kind == vaultreq.Certificate || r.Kind == vaultreq.Write) {
		e.act = adopt
		l.adoptions = append(l.adoptions, e)
		return e
	}
	l.schedule(e, l.now.wall)
	return e
}

func (l *loop) leave(s *Subscription, r vaultreq.Request) {
	e := l.entries[r]
	e.subs = slices.DeleteFunc(e.subs, func(x *Subscription) bool { return x == s })
	if len(e.subs) == 0 {
		l.idle = append(l.idle, e)
	}
}

// sweep drops entries without subscriptions. It runs after a batch of calls, so that a
// request is kept that one subscription drops and the next one wants.
func (l *loop) sweep() {
	for _, e := range l.idle {
		if len(e.subs) > 0 || e.dropped {
			continue
		}
		delete(l.entries, e.request)
		l.board.remove(e.request)
		l.report.drop(e)
		l.drop(e)
	}
	l.idle = l.idle[:0]
}

// drop removes an entry from wherever it is.
func (l *loop) drop(e *entry) {
	e.dropped = true
	delete(l.refused, e)
	if e.place >= 0 {
		heap.Remove(&l.queue, e.place)
	}
	if e.cancel != nil {
		e.cancel() // its worker hands it back, and finish forgets it
	}
}
