// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/certagent/certagent/exec"
)

// runQueue runs each change once for all bundles that need it, as a singleflight
// with a schedule: bundles with the same change join its next run, and the first of
// them that is ready when the run is due executes it for all. A run that has begun
// cannot be joined, because the program that it signals or starts may have read the
// older files already. Commands of bundles that were published in the same moment run
// one after the other, see turn. The zero value is ready to use.
type runQueue struct {
	mu    sync.Mutex
	lines map[string]*line
	turns turns
}

// line is the schedule of one change.
type line struct {
	running chan struct{} // holds one token while a run is under way
	next    *run          // the run that can still be joined
	last    time.Time     // when the latest run began that did something
}

// run is one execution of a change.
type run struct {
	line      *line
	at        time.Time               // when it begins; the runQueue's lock guards it, and what follows
	attending map[*Bundle]*attendance // those that joined it and still want it
	created   time.Time
	begun     bool
	done      chan struct{} // closed at its end
	err       error         // set before done is closed
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
		l.next = &run{line: l, at: at, created: now(), attending: make(map[*Bundle]*attendance), done: make(chan struct{})}
	} else if at.Before(l.next.at) {
		l.next.at = at
	}
	return l.next
}

// attend tells the others of a run for whom it is.
func (m *runQueue) attend(r *run, b *Bundle, a *attendance) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r.attending[b] = a
	if a.command {
		m.turns.add(r)
	}
}

// leave ends what attend began. A run that nobody wants any more cannot be joined.
func (m *runQueue) leave(r *run, b *Bundle) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, attends := r.attending[b]; !attends || r.begun {
		return
	}
	delete(r.attending, b)
	if len(r.attending) > 0 {
		return
	}
	m.turns.remove(r)
	if r.line.next == r {
		r.line.next = nil
	}
}

// attendees returns for whom a run is, in the order of the configuration.
func (m *runQueue) attendees(r *run) []*attendance {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []*attendance
	for _, a := range r.attending {
		all = append(all, a)
	}
	slices.SortFunc(all, func(x, y *attendance) int { return cmp.Compare(x.order, y.order) })
	return all
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
	before := m.begin(r)
	err := change(ctx)
	if err != nil && ctx.Err() != nil {
		return err // this caller was cancelled; the others execute it
	}
	r.err = err
	m.end(r, before)
	close(r.done)
	return err
}

// begin removes the run from the schedule, so that it cannot be joined any more. It
// returns when the run before it began.
func (m *runQueue) begin(r *run) (before time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before = r.line.last
	r.line.last = time.Now().Round(0)
	r.begun = true
	if r.line.next == r {
		r.line.next = nil
	}
	return before
}

// end ends a run. One that only found out that there is nobody to tell holds no other
// one back.
func (m *runQueue) end(r *run, before time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turns.remove(r)
	var held *exec.HeldError
	if errors.Is(r.err, exec.ErrNotRunning) || errors.As(r.err, &held) {
		r.line.last = before
	}
}
