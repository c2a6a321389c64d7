// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan

import (
	"slices"
	"time"
)

type (
	// Published reports that readers see the rendered generation.
	Published struct {
		// Due are when each of the bundle's changes would run, if it is needed.
		Due []time.Time
		// NotNeeded are the keys of changes that are not needed: their target has yet
		// to start, and reads the new files then.
		NotNeeded []string
		// Visible is that of the publication.
		Visible string
	}

	// PublishFailed reports that readers still see what they saw before.
	PublishFailed struct{ Failure }

	// Repaired reports that published files have their owners and modes back.
	Repaired struct{}

	// RepairFailed reports that some of them do not.
	RepairFailed struct{ Failure }
)

func (e Published) after(s State) State {
	next := Publication{Generation: s.Rendered, Visible: e.Visible}
	for _, i := range s.needed() {
		key := s.Setup.Changes[i].Key
		if !slices.Contains(e.NotNeeded, key) {
			next.Pending = append(next.Pending, PendingChange{Key: key, NotBefore: e.Due[i]})
		}
	}
	if s.Setup.Checks {
		next.Check = Unchecked
		next.Previous = s.Published.asPrevious()
	}
	if len(next.Pending) > 0 || next.Check != Passed {
		next.InUse = s.Published.used()
	}
	s.Published = next
	s = s.schedulePending()
	s.Failures.Publish = 0
	s.Retry.Check = time.Time{}
	s.Readiness.ThisRun = true
	return s.unverified().onDisk()
}

// needed returns the changes that the rendered generation needs, as indexes into
// Setup.Changes.
func (s State) needed() []int {
	before := make(map[string]bool, len(s.Published.Pending))
	for _, p := range s.Published.Pending {
		before[p.Key] = true
	}
	return Needed(s.Setup.Changes, s.Rendered.Differs, before)
}

// asPrevious returns what is remembered of a publication once another one takes
// its place. Of the one before it, only what is to be done about it.
func (p Publication) asPrevious() *Publication {
	if before := p.Previous; before != nil {
		p.Previous = &Publication{Check: before.Check, Pending: before.Pending}
	}
	return &p
}

// unverified notes that other files than before are visible: a probe of those is of
// no use any more. What was not proven of them stays so.
func (s State) unverified() State {
	v := s.Verification
	s.Verification = Verification{
		Unverified: s.Setup.Verifies, Probe: v.Probe + 1, Served: v.Served, ServedOld: v.ServedOld, Open: v.Open, Looked: v.Looked,
	}
	if s.Setup.Verifies && v.Open.IsZero() {
		s.Verification.Open = s.ObservedAt
	}
	return s
}

func (e PublishFailed) after(s State) State {
	s.Failures.Publish++
	s.Retry.Publish = e.retry(localBackoff, s.Failures.Publish)
	return s
}

func (Repaired) after(s State) State {
	s.Failures.Repair = 0
	return s.onDisk()
}

func (e RepairFailed) after(s State) State {
	s.Failures.Repair++
	s.Retry.Publish = e.retry(localBackoff, s.Failures.Repair)
	return s
}
