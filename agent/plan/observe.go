// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan

import (
	"slices"
	"time"
)

// patience is how long a bundle waits for Vault before it takes the valid files on
// disk as good enough for the child to start.
const patience = 10 * time.Second

type (
	// Started begins the bundle's loop.
	Started struct{}

	// Stopping ends it.
	Stopping struct{}

	// FetchStarted is the beginning of asking for the bundle's secrets.
	FetchStarted struct{}

	// Observed is what the bundle sees whenever it looks around.
	Observed struct {
		Now time.Time
		// Missing is how many secrets have no answer.
		Missing int
		// Certificates are those of the state, in its order.
		Certificates []Clock
		// Scheduled are when pending changes run, by their tickets. Those of other
		// bundles may have moved them.
		Scheduled map[uint64]time.Time
		// VaultFailed is set if Vault does not answer, LoggedOut if there is no token
		// because of that or for another reason, and SecretFails if a template's
		// certificate cannot be renewed.
		VaultFailed, LoggedOut, SecretFails bool
	}

	// SecretsChanged reports that a secret, a certificate or a CA that the files are
	// made of is another one.
	SecretsChanged struct{ Now time.Time }

	// InputsChanged reports that a template or a file that it reads has changed.
	InputsChanged struct{ Now time.Time }

	// FilesChanged reports that a published file is not what was published.
	FilesChanged struct{ Now time.Time }
)

// Clock is what is seen of one certificate.
type Clock struct {
	// Due is when to ask for it.
	Due time.Time
	// Absent is set while there is none that could be published, Ended while the one
	// that is published has ended.
	Absent, Ended bool
}

func (Started) after(s State) State {
	s.Stopping = false
	s.Verification.Probing = false // a probe ends with the loop that began it
	return s
}

func (Stopping) after(s State) State {
	s.Stopping = true
	return s
}

func (FetchStarted) after(s State) State {
	s.Fetching = true
	s.Stale = true
	return s
}

func (e Observed) after(s State) State {
	lacked := s.Unissued() >= 0
	s = s.setBack(s.ObservedAt.Sub(e.Now))
	s.ObservedAt = e.Now
	s.Missing, s.LoggedOut, s.SecretFails = e.Missing, e.LoggedOut, e.SecretFails
	if until := s.Rendered.Until; !until.IsZero() && !until.After(e.Now) { // it has waited for too long
		s.Stale, s.Content, s.Rendered = true, Unknown, Generation{}
	}
	s.Certificates = slices.Clone(s.Certificates)
	for i, c := range e.Certificates {
		if overdue := s.Certificates[i].Due; !c.Due.After(e.Now) && !overdue.IsZero() && overdue.Before(c.Due) {
			c.Due = overdue // what has been due stays due since then
		}
		s.Certificates[i].Due, s.Certificates[i].Absent, s.Certificates[i].Ended = c.Due, c.Absent, c.Ended
		if (c.Due.Before(e.Now) || c.Ended) && !s.Fetching {
			s.FreshUntil = time.Time{}
		}
	}
	s.Published.Pending = slices.Clone(s.Published.Pending)
	for i, p := range s.Published.Pending {
		at, ok := e.Scheduled[p.Ticket]
		if p.Absent > 0 || p.Held > 0 { // nothing was run: the run that all join is due still
			at = later(at, p.NotBefore)
		}
		if ok {
			s.Published.Pending[i].NotBefore = at
		}
	}
	r := &s.Readiness
	if r.OnDisk && !r.MayStart && !s.ended() && (e.VaultFailed || e.Now.Sub(s.BornAt) > patience) {
		r.FromDisk, r.MayStart = true, true
	}
	if lacked && s.Unissued() < 0 { // it is not due any more
		s = s.progressed()
	}
	return s
}

// setBack moves all that holds a step back, after the clock was set back: what was
// to wait for seconds must not wait for as long as the clock was wrong.
func (s State) setBack(by time.Duration) State {
	if by <= 0 {
		return s
	}
	move(&s.BornAt, by)
	move(&s.Quiet.First, by)
	move(&s.Quiet.Last, by)
	move(&s.Verification.NotBefore, by)
	move(&s.Verification.Open, by)
	move(&s.Retry.Render, by)
	move(&s.Retry.Publish, by)
	move(&s.Retry.Check, by)
	move(&s.Retry.Rollback, by)
	move(&s.Retry.Rejected, by)
	s.Certificates = slices.Clone(s.Certificates)
	for i := range s.Certificates {
		move(&s.Certificates[i].NotBefore, by)
	}
	s.Published = s.Published.setBack(by)
	return s.schedulePending()
}

func (p Publication) setBack(by time.Duration) Publication {
	p.Pending = slices.Clone(p.Pending)
	for i := range p.Pending {
		move(&p.Pending[i].NotBefore, by)
	}
	if p.Previous != nil {
		previous := p.Previous.setBack(by)
		p.Previous = &previous
	}
	return p
}

// move sets a time back, if there is one.
func move(at *time.Time, by time.Duration) {
	if !at.IsZero() {
		*at = at.Add(-by)
	}
}

func (e SecretsChanged) after(s State) State { return s.stale(e.Now) }

func (e InputsChanged) after(s State) State {
	s.FreshUntil = time.Time{}
	return s.stale(e.Now)
}

func (e FilesChanged) after(s State) State {
	s.FreshUntil = time.Time{}
	return s.stale(e.Now)
}

// stale notes that something that the rendering depends on has changed. The first
// rendering waits for nothing.
func (s State) stale(now time.Time) State {
	s.Stale = true
	s.Retry.Render = time.Time{}
	s.Quiet.Last = now
	if s.Quiet.First.IsZero() {
		s.Quiet.First = now
	}
	if s.HasRendered {
		s.Quiet.Min, s.Quiet.Max = s.Setup.WaitMin, s.Setup.WaitMax
	}
	return s
}
