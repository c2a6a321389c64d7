// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"time"

	"github.com/certagent/certagent/certinfo"
	"github.com/certagent/certagent/vaultreq"
)

// act is what a worker does for an entry.
type act int

const (
	adopt act = iota // call Config.Adopt
	ask              // make the request
	renew            // renew the lease of the answer
	once             // make a single request
)

// entry is a wanted request and its state. The loop owns it. It is in one of three
// places: the queue of deadlines, with a worker (cancel is set), or the queue of
// adoptions.
//
// The entry of a single request has no subscriptions and ends with the reply. Its only
// state is that its token was refused.
type entry struct {
	request vaultreq.Request
	subs    []*Subscription
	single  *single // nil for a subscription's

	answer   *Answer
	life     time.Duration // of the answer, from its beginning; 0 if it does not expire
	deadline deadline      // the answer's; kept while attempts fail
	distance time.Duration // how far the deadline was when it was set
	err      *Error
	failing  time.Duration // since when, by the uptime, if err is set

	due         time.Time // when to act
	act         act
	awaitsToken bool // for a token other than the one that was refused

	window     window              // of the answer's certificate
	useless    int                 // answers in a row that were of no use
	doubtful   bool                // the answer has a certificate that is not valid now, or is of no use
	wrongClock certinfo.WrongClock // why, if the clocks are

	warned string // what Vault last warned of

	place   int // in the queue of deadlines; -1 if elsewhere
	order   uint64
	cancel  context.CancelFunc
	dropped bool
}

// left returns the remaining lifetime of the answer.
func (e *entry) left(now time.Time) time.Duration {
	if e.answer == nil || e.answer.ExpiresAt.IsZero() {
		return 0
	}
	return e.answer.ExpiresAt.Sub(now)
}

// threatened reports whether half of the lifetime that was left when the failures began
// is over.
func (e *entry) threatened(now reading) bool {
	left, failing := e.left(now.wall), now.uptime-e.failing
	return e.err != nil && e.answer != nil && !e.answer.ExpiresAt.IsZero() && left <= failing
}

// afterSetBack adjusts the entry to a wall clock that was set back.
func (e *entry) afterSetBack(by time.Duration, now time.Time) {
	if e.answer != nil {
		e.deadline = e.deadline.afterSetBack(by, e.distance, now)
		answer := *e.answer
		answer.FetchedAt = answer.FetchedAt.Add(-by)
		answer.RenewAt, answer.ExpiresAt = e.deadline.at, e.deadline.expires
		e.answer = &answer
	}
	if e.err != nil {
		err := *e.err
		err.RetryAt = err.RetryAt.Add(-by)
		e.err = &err
	}
	if e.err == nil && e.answer != nil {
		e.due = e.deadline.at
		return
	}
	e.due = e.due.Add(-by)
}

// lifeOf returns the whole lifetime of an answer; 0 if it does not expire.
func lifeOf(r result, d deadline) time.Duration {
	switch {
	case d.expires.IsZero():
		return 0
	case d.absolute:
		return r.window.lifetime()
	}
	return max(d.expires.Sub(r.asked), 0)
}

// deadlines is a heap of entries, sorted by when they are due, then by age.
type deadlines []*entry

func (q deadlines) Len() int { return len(q) }

func (q deadlines) Less(i, j int) bool {
	if q[i].due.Equal(q[j].due) {
		return q[i].order < q[j].order
	}
	return q[i].due.Before(q[j].due)
}

func (q deadlines) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push implements heap.Interface.
func (q *deadlines) Push(x any) {
	e := x.(*entry)
	e.place = len(*q)
	*q = append(*q, e)
}

// Pop implements heap.Interface.
func (q *deadlines) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	e.place = -1
	return e
}
