// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"slices"
	"sync"

	"github.com/certagent/certagent/vaultreq"
)

// Subscription is a set of wanted requests, and a trigger that fires when one of their
// answers has changed. Its methods may be called at any time, from any goroutine, and do
// not block.
type Subscription struct {
	store *Store
	c     chan struct{}

	mu     sync.Mutex
	last   []vaultreq.Request // the set that was wanted last
	closed bool

	wants map[vaultreq.Request]bool // the loop's
}

// Want replaces the set of wanted requests. New ones are made; those that no
// subscription wants any more are dropped, and their leases expire. A successor of a
// subscription must want its set before the subscription is closed, so that nothing is
// issued twice.
func (s *Subscription) Want(requests []vaultreq.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.last != nil && slices.Equal(s.last, requests) {
		return
	}
	s.last = slices.Clone(requests)
	wanted := slices.Clone(requests)
	s.store.mail.post(func(l *loop) { l.want(s, wanted) })
}

// Get returns the answer to a wanted request, nil if there is none yet, and the failure
// of the last attempt as an *Error, nil if it succeeded. An answer beside an error is the
// last good one. After Close the error is ErrClosed.
func (s *Subscription) Get(r vaultreq.Request) (*Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	k := s.store.board.get(r)
	if k.err != nil {
		return k.answer, k.err
	}
	return k.answer, nil
}

// C fires when an answer or an error of a wanted request has changed since the last
// time. It has one slot, and does not tell which: call Get.
func (s *Subscription) C() <-chan struct{} { return s.c }

// Close ends the subscription; C does not fire any more. It may be called twice.
func (s *Subscription) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed, s.last = true, nil
	select {
	case <-s.c:
	default:
	}
	s.store.mail.post(func(l *loop) { l.want(s, nil) })
}

func (s *Subscription) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	select {
	case s.c <- struct{}{}:
	default:
	}
}
