// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"sync"
)

// merger runs changes, and runs equal ones of several bundles once: while a
// change runs, those who ask for an equal one wait for the next run together.
// Nobody joins a run that has already begun, since what it starts may have read
// the older files. The zero value is ready for use.
type merger struct {
	mu    sync.Mutex
	lines map[string]*line
}

// line is the queue of one change.
type line struct {
	running chan struct{} // holds one token while a run is under way
	next    *run          // the run that one may still join
}

// run is one execution of a change; err is set before done is closed.
type run struct {
	done chan struct{}
	err  error
}

// do runs the change with that key, alone or together with others who asked for
// it meanwhile, and returns the outcome of a run that began after the call.
func (m *merger) do(ctx context.Context, key string, change func(context.Context) error) error {
	l, r, leads := m.join(key)
	if !leads {
		select {
		case <-r.done:
			return r.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	l.running <- struct{}{}
	defer func() { <-l.running }()
	m.mu.Lock()
	l.next = nil
	m.mu.Unlock()
	r.err = change(ctx)
	close(r.done)
	return r.err
}

// join returns the run that comes next, and whether the caller has to run it.
func (m *merger) join(key string) (*line, *run, bool) {
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
	if l.next != nil {
		return l, l.next, false
	}
	l.next = &run{done: make(chan struct{})}
	return l, l.next, true
}
