// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"sync"
	"time"
)

// runQueue runs each change once for all bundles that need it, as a singleflight
// with a schedule: bundles with the same change join its next run, and the first of
// them that is ready when the run is due executes it for all. A run that has begun
// cannot be joined, because the program that it signals or starts may have read the
// older files already. The zero value is ready to use.
type runQueue struct {
	mu    sync.Mutex
	lines map[string]*line
}

// line is the schedule of one change.
type line struct {
	running chan struct{} // holds one token while a run is under way
	next    *run          // the run that can still be joined
	last    time.Time     // when the latest run began
}

// run is one execution of a change.
type run struct {
	line *line
	at   time.Time     // when it begins; the runQueue's lock guards it
	done chan struct{} // closed at its end
	err  error         // set before done is closed
}

// join returns the next run of the change with that key. The run begins at the
// earliest time that a caller has passed, but not before interval has passed since
// the run before it began.
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
	if now := now(); l.last.After(now) { // the clock was set back
		l.last = now
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

// when returns when a run begins; it may have begun.
func (m *runQueue) when(r *run) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return r.at
}

// do executes the change, unless another caller that joined the run does, and
// returns its error.
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
	case <-r.done: // by the caller that held the token before
		return r.err
	default:
	}
	m.begin(r)
	err := change(ctx)
	if err != nil && ctx.Err() != nil {
		return err // this caller was cancelled; the others execute it
	}
	r.err = err
	close(r.done)
	return err
}

// begin removes the run from the schedule, so that it cannot be joined any more.
func (m *runQueue) begin(r *run) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r.line.last = time.Now().Round(0)
	if r.line.next == r {
		r.line.next = nil
	}
}
