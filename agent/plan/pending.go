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

	// ChangeNotNeeded reports that it acts upon a child that does not run: whoever
	// starts it does so later, and it reads the new files then. Listening is that of
	// TargetAbsent.
	ChangeNotNeeded struct {
		Index     int
		Now       time.Time
		Listening bool
	}

	// TargetAbsent reports that the process that it acts upon is not there yet. It
	// may have read the older files and be about to appear, so the change stays
	// pending until a process is there that was told, or that has started since.
	// Listening is set if a server is listening all the same: what it serves has to
	// become known.
	TargetAbsent struct {
		Index int
		Failure
		Listening bool
	}

	// ChangeHeld reports that its signal would end the target, which does not catch
	// it yet: the change is tried again shortly.
	ChangeHeld struct {
		Index int
		Failure
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

func (e ChangeNotNeeded) after(s State) State {
	return s.drop(e.Index).servesNothing(e.Now, e.Listening).progressed()
}

func (e TargetAbsent) after(s State) State {
	s.Published.Pending = slices.Clone(s.Published.Pending)
	p := &s.Published.Pending[e.Index]
	p.Absent++
	p.Held = 0
	p.NotBefore = e.retry(lookBackoff, p.Absent)
	if p.Absent == 1 {
		s = s.servesNothing(e.Now, e.Listening)
	}
	return s.reschedule(e.Index).progressed()
}

// servesNothing notes that the target does not run: it is taken to serve nothing. A
// probe shows later whether that is so; at once if a server is listening.
func (s State) servesNothing(now time.Time, listening bool) State {
	switch {
	case s.Verification.Unverified && listening:
		s.Verification.NotBefore = time.Time{}
	case s.Verification.Unverified:
		s.Verification.Absent = true
		s.Verification.NotBefore = now.Add(slowBackoff.Min)
	}
	return s
}

func (e ChangeHeld) after(s State) State {
	s.Published.Pending = slices.Clone(s.Published.Pending)
	p := &s.Published.Pending[e.Index]
	p.Held++
	p.Absent = 0
	p.NotBefore = e.retry(lookBackoff, p.Held)
	return s.reschedule(e.Index).progressed()
}

// heldLong is how often a change is held before that is more than a program's start.
const heldLong = 4

// Tried reports whether the change has had its attempt: it failed, its target is not
// there, or is there and has not caught the signal for seconds.
func (p PendingChange) Tried() bool { return p.Failures > 0 || p.Absent > 0 || p.HeldLong() }

// HeldLong reports whether the change has been held for longer than a program
// usually takes to start, which is several seconds.
func (p PendingChange) HeldLong() bool { return p.Held >= heldLong }

// Waits reports whether the change waits for a target that is not there. Nobody but
// that target is affected, so that a run that ends once everything is done need not
// wait for it: the change stays recorded.
func (p PendingChange) Waits() bool { return p.Absent > 0 }

// onlyWaits reports whether no change is pending but those that wait for a target.
func (p Publication) onlyWaits() bool {
	return !slices.ContainsFunc(p.Pending, func(p PendingChange) bool { return !p.Waits() })
}

func (e ChangeFailed) after(s State) State {
	s.Published.Pending = slices.Clone(s.Published.Pending)
	p := &s.Published.Pending[e.Index]
	p.Failures++
	p.Absent, p.Held = 0, 0
	p.NotBefore = e.retry(localBackoff, p.Failures)
	return s.reschedule(e.Index).progressed()
}

// allTried reports whether each pending change has had its attempt.
func (p Publication) allTried() bool {
	return !slices.ContainsFunc(p.Pending, func(p PendingChange) bool { return !p.Tried() })
}

// drop removes a pending change.
func (s State) drop(index int) State {
	s.Published.Pending = slices.Delete(slices.Clone(s.Published.Pending), index, index+1)
	if len(s.Published.Pending) == 0 {
		s.Published.Pending = nil
	}
	return s.taken()
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
