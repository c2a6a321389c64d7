// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"sync"
	"time"
)

// runQueue runs changes, and runs equal ones of several bundles once: who owes a
// change joins its next run, and whoever of those who joined comes first when it
// is time runs it for all. Nobody joins a run that has already begun, since what
// it starts may have read the older files. The zero value is ready for use.
type runQueue struct {
	mu    sync.Mutex
	lines map[string]*line
}

// line is the queue of one change.
type line struct {
	running chan struct{} // holds one token while a run is under way
	next    *run          // the run that one may still join
	last    time.Time     // when the latest run began
}

// run is one execution of a change.
type run struct {
	line *line
	at   time.Time     // when it begins; the runQueue's lock guards it
	done chan struct{} // closed at its end
	err  error         // set before done is closed
}

// join returns the next run of the change with that key. It begins at the
// earliest of the times given by those who joined, but not before interval has
// passed since the run before it.
func (m *runQueue) join(key string, at time.Time, interval time.Duration) *run {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lines == nil {
		m.lines = make(map[string]*line)
	}
	l := m.lines[key]
	if l == nil {
		l = &line{running: make(chan struct{}, 1)}
		m.lines[key] = l
	}
	if earliest := l.last.Add(interval); !l.last.IsZero() && at.Before(earliest) {
		at = earliest
	}
	if l.next == nil {
		l.next = &run{line: l, at: at, done: make(chan struct{})}
	} else if at.Before(l.next.at) {
		l.next.at = at
	}
	return l.next
}

// when says when a run that was joined begins; it may have begun.
func (m *runQueue) when(r *run) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return r.at
}

// do runs the change, unless somebody else who joined the run does, and returns
// the outcome.
func (m *runQueue) do(ctx context.Context, r *run, change func(context.Context) error) error {
	select {
	case <-r.done:
		return r.err
	default:
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	case r.line.running <- struct{}{}:
	}
	defer func() { <-r.line.running }()
	select {
	case <-r.done: // by the one that held the token before us
		return r.err
	default:
	}
	m.begin(r)
	err := change(ctx)
	if err != nil && ctx.Err() != nil {
		return err // it was broken off for our sake alone: the others run it
	}
	r.err = err
	close(r.done)
	return err
}

// begin closes the run to newcomers.
func (m *runQueue) begin(r *run) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r.line.last = time.Now().Round(0)
	if r.line.next == r {
		r.line.next = nil
	}
}
