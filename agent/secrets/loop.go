// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"time"

	"github.com/certagent/certagent/backoff"
	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/vaultreq"
)

// loop owns the state of the Store. Its methods run in one goroutine.
type loop struct {
	*Store
	timeout time.Duration // of one act
	policy  policy
	backoff backoff.Law
	report  *reporter

	entries   map[vaultreq.Request]*entry
	queue     deadlines
	adoptions []*entry
	idle      []*entry // perhaps without subscriptions; checked after each batch

	results chan result
	active  int // workers that have not returned a result

	token    redact.Secret
	open     bool            // a token was given
	reported *redact.Secret  // the token last given to Config.InvalidToken
	served   bool            // the token was given to Config.TokenServed
	refused  map[*entry]bool // which were refused for their token and have not succeeded since

	random  func() float64 // in [0,1)
	now     reading
	order   uint64
	version uint64
}

func newLoop(s *Store) *loop {
	c := s.config
	timeout := c.Client.ClientTimeout()
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	return &loop{
		Store: s, timeout: timeout,
		policy: policy{c.Threshold, c.StaticInterval}, backoff: backoff.Law{Min: c.MinBackoff, Max: c.MaxBackoff},
		report:  newReporter(c.Logger, s.Skew),
		entries: make(map[vaultreq.Request]*entry),
		refused: make(map[*entry]bool),
		// A slot for each worker, so that none blocks.
		results: make(chan result, c.Concurrency),
		random:  rand.Float64,
		now:     s.clock(),
	}
}

func (l *loop) run(ctx context.Context) {
	defer l.join()
	timer := time.NewTimer(recheck)
	defer timer.Stop()
	for ctx.Err() == nil {
		l.tick()
		l.dispatch(ctx)
		timer.Reset(l.sleep())
		select {
		case <-ctx.Done():
		case <-timer.C:
		case r := <-l.results:
			l.tick()
			l.report.clocks(l.now)
			l.handleResult(r)
		case <-l.mail.ready:
			l.tick()
			for _, call := range l.mail.take() {
				call(l)
			}
			l.sweep()
		}
	}
}

// join waits for the workers, whose context has ended. It delivers none of their
// results, except successful ones of single requests.
func (l *loop) join() {
	for ; l.active > 0; l.active-- {
		r := <-l.results
		r.entry.cancel()
		if r.entry.single != nil && r.err == nil {
			l.replyTo(r.entry, r)
		}
	}
}

// tick reads the clocks, and adjusts the entries if the wall clock was set back.
func (l *loop) tick() {
	before := l.now
	l.now = l.clock()
	by := setBack(before, l.now)
	if by == 0 {
		return
	}
	for _, e := range l.entries {
		e.afterSetBack(by, l.now.wall)
		if e.doubtful { // the clock was the reason, perhaps
			e.due = l.now.wall
		}
		if e.answer != nil || e.err != nil {
			l.board.set(e.request, known{e.answer, e.err})
		}
	}
	for _, e := range l.queue {
		if e.single != nil {
			e.due = e.due.Add(-by)
		}
	}
	heap.Init(&l.queue)
}

// sleep returns how long nothing will be due. Without a token or a free worker nothing
// can be done anyway.
func (l *loop) sleep() time.Duration {
	if !l.open || len(l.queue) == 0 || l.active >= l.config.Concurrency {
		return recheck
	}
	return min(max(l.queue[0].due.Sub(l.now.wall), 0), recheck)
}

// dispatch starts workers for entries that are due, up to the limit.
func (l *loop) dispatch(ctx context.Context) {
	for l.active < l.config.Concurrency {
		e := l.take()
		if e == nil {
			return
		}
		var work context.Context
		if e.single != nil {
			work, e.cancel = e.single.context(ctx, l.timeout)
		} else {
			work, e.cancel = context.WithTimeout(ctx, l.timeout)
		}
		t := task{entry: e, act: e.act, token: l.token, asked: l.now.wall, held: e.answer, single: e.single, wrongClock: e.wrongClock}
		l.active++
		// It ends with its context; join waits for its result.
		go func() { l.results <- l.work(work, t, t.entry.request) }()
	}
}

// take removes the next entry that is due from its queue; nil if there is none.
func (l *loop) take() *entry {
	for len(l.adoptions) > 0 {
		e := l.adoptions[0]
		l.adoptions[0] = nil
		l.adoptions = l.adoptions[1:]
		if !e.dropped {
			return e
		}
	}
	for l.open && len(l.queue) > 0 && !l.queue[0].due.After(l.now.wall) {
		e := heap.Pop(&l.queue).(*entry)
		switch {
		case e.single != nil && !e.single.ready(): // it is over
			delete(l.refused, e)
		case e.single == nil && e.act == ask && l.reconsider(e):
		default:
			return e
		}
	}
	return nil
}

// schedule puts an entry into the queue, or moves it there, unless it is with a worker.
func (l *loop) schedule(e *entry, due time.Time) {
	e.due = due
	if e.place >= 0 {
		heap.Fix(&l.queue, e.place)
	} else if e.cancel == nil {
		heap.Push(&l.queue, e)
	}
}

// authenticated sets the token. Requests that were refused for their token are due at
// once, as are those that the policies of another token denied.
func (l *loop) authenticated(token redact.Secret) {
	another := token != l.token
	l.token, l.open = token, true
	l.served = l.served && !another
	for _, e := range l.queue {
		switch {
		case e.single != nil && !another: // once with each token
		case e.awaitsToken, another && e.err != nil && e.err.Class == Denied:
			e.due = l.now.wall
			e.awaitsToken = e.awaitsToken && e.single == nil
		}
	}
	heap.Init(&l.queue)
}
