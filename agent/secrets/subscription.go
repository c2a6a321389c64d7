// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"slices"
	"sync"
)

// Subscription is one user of the Store's answers: the set of requests that it
// wants, and a trigger that fires when one of their answers changed. Its methods
// may be called at any time, from any goroutine, and do not block.
type Subscription struct {
	store *Store
	c     chan struct{}

	mu     sync.Mutex
	last   []Request // the set that was wanted last
	closed bool

	wants map[Request]bool // the loop's
}

// Want replaces the set of wanted requests. New ones are fetched; what nobody
// wants any more is dropped, its lease left to expire. So that nothing is issued
// twice, let the successor of a subscription want its set before closing it.
func (s *Subscription) Want(requests []Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.last != nil && slices.Equal(s.last, requests) {
		return
	}
	s.last = slices.Clone(requests)
	wanted := slices.Clone(requests)
	s.store.mail.post(func(l *loop) { l.want(s, wanted) })
}

// Get returns the answer to a wanted request, nil as long as there is none, and
// the failure of the last attempt as an *Error, nil if it succeeded. An answer
// beside an error is the last good one. After Close the error is ErrClosed.
func (s *Subscription) Get(r Request) (*Answer, error) {
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

// C fires when an answer or an error of a wanted request changed since the last
// time. It has one slot and says nothing about which: ask Get.
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
