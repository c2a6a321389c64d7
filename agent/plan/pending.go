// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan

import (
	"slices"
	"time"
)

type (
	// ChangeDone reports that the pending change with that index has succeeded.
	ChangeDone struct{ Index int }

	// TargetAbsent reports that what it acts upon does not run: it reads the new
	// files when it starts.
	TargetAbsent struct {
		Index int
		Now   time.Time
	}

	// ChangeFailed reports that it stays pending.
	ChangeFailed struct {
		Index int
		Failure
	}
)

func (e ChangeDone) after(s State) State {
	s = s.drop(e.Index)
	s.Verification.NotBefore = time.Time{} // there is something new to see
	return s.progressed()
}

// A target that does not run is taken to serve nothing. A probe shows later
// whether that is so.
func (e TargetAbsent) after(s State) State {
	s = s.drop(e.Index)
	if s.Verification.Unverified {
		s.Verification.Absent = true
		s.Verification.NotBefore = e.Now.Add(slowBackoff.Min)
	}
	return s.progressed()
}

func (e ChangeFailed) after(s State) State {
	s.Published.Pending = slices.Clone(s.Published.Pending)
	p := &s.Published.Pending[e.Index]
	p.Failures++
	p.NotBefore = e.retry(localBackoff, p.Failures)
	return s.reschedule(e.Index)
}

// drop removes a pending change.
func (s State) drop(index int) State {
	s.Published.Pending = slices.Delete(slices.Clone(s.Published.Pending), index, index+1)
	if len(s.Published.Pending) == 0 {
		s.Published.Pending = nil
	}
	return s
}

// reschedule gives a pending change a new ticket. The caller owns the slice.
func (s State) reschedule(index int) State {
	s.Tickets++
	s.Published.Pending[index].Ticket = s.Tickets
	return s
}

// schedulePending gives all pending changes new tickets.
func (s State) schedulePending() State {
	s.Published.Pending = slices.Clone(s.Published.Pending)
	for i := range s.Published.Pending {
		s = s.reschedule(i)
	}
	return s
}

// pend makes one change the only pending one.
func (s State) pend(p PendingChange) State {
	s.Published.Pending = []PendingChange{p}
	return s.reschedule(0)
}
