// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan

import (
	"slices"
	"time"
)

type (
	// VerifyStarted is the beginning of a probe.
	VerifyStarted struct{}

	// NothingToVerify reports that no published certificate is one that the server
	// would serve.
	NothingToVerify struct{ Failure }

	// Sighted reports which other certificate than the published one a server serves, as
	// far as the probe in progress has seen it; the zero value for none.
	Sighted struct{ Ending }

	// Verified reports that the published certificate is being served.
	Verified struct{ Probe int }

	// ServedOld reports that another certificate is being served.
	ServedOld struct {
		Probe int
		Failure
	}

	// Unreachable reports that no server is listening.
	Unreachable struct {
		Probe int
		Failure
	}

	// ProbeFailed reports that the probe could not tell, and not for a fault of the
	// server.
	ProbeFailed struct {
		Probe int
		Failure
	}

	// Unproven reports that nothing was concluded for too long. Other is set if another
	// certificate was seen meanwhile.
	Unproven struct {
		Failure
		Other bool
	}
)

func (VerifyStarted) after(s State) State {
	v := &s.Verification
	v.Probing = true
	v.Probe++
	if !v.Looked || v.Open.IsZero() {
		v.Open, v.Looked = s.ObservedAt, true
	}
	return s
}

func (e Sighted) after(s State) State {
	s.Verification.Served = e.Ending
	return s
}

// told ends the time in which nothing was concluded.
func (s State) told() State {
	s.Verification.Open, s.Verification.Looked = time.Time{}, false
	return s
}

func (e NothingToVerify) after(s State) State { return s.told().unanswered(e.Failure) }

// concluded ends the probe with that number. It returns false if its result is not
// wanted any more.
func (s State) concluded(probe int) (State, bool) {
	if !s.Verification.Probing || probe != s.Verification.Probe {
		return s, false
	}
	s.Verification.Probing = false
	return s.told(), true
}

func (e Verified) after(s State) State {
	s, ok := s.concluded(e.Probe)
	if !ok {
		return s
	}
	s.Verification = Verification{Probe: s.Verification.Probe}
	return s.progressed()
}

// The change runs again, or the fallback in its place.
func (e ServedOld) after(s State) State {
	s, ok := s.concluded(e.Probe)
	if !ok {
		return s
	}
	return s.servedOld(e.Failure)
}

func (e Unproven) after(s State) State {
	s.Verification.Probing = false
	s = s.told()
	if e.Other {
		return s.servedOld(e.Failure)
	}
	return s.unanswered(e.Failure)
}

// servedOld plans what is done about another certificate that is served.
func (s State) servedOld(f Failure) State {
	v := &s.Verification
	v.ServedOld++
	v.Absent = false
	v.NotBefore = f.retry(slowBackoff, v.ServedOld)
	pending := func(p PendingChange) bool { return p.Key == s.Setup.Fallback.Key }
	switch remedy := s.Remedy(); {
	case remedy == ChangeAgain && len(s.Published.Pending) == 0: // or it is pending still
		s = s.pend(PendingChange{Key: s.Setup.Changes[0].Key, Again: true, NotBefore: v.NotBefore})
	case remedy == FallBack && !slices.ContainsFunc(s.Published.Pending, pending):
		s = s.pend(PendingChange{Key: s.Setup.Fallback.Key, Fallback: true, NotBefore: v.NotBefore})
	}
	return s.progressed()
}

// Remedy returns what is done about the certificate that is served in place of the
// published one.
func (s State) Remedy() Remedy {
	return Remedied(s.Verification.ServedOld, s.Setup.Changes[0].Key != "", s.Setup.Fallback.Key != "")
}

func (e Unreachable) after(s State) State {
	s, ok := s.concluded(e.Probe)
	if !ok {
		return s
	}
	s = s.unanswered(e.Failure)
	s.Verification.Absent, s.Verification.Served = true, Ending{}
	return s.progressed()
}

func (e ProbeFailed) after(s State) State {
	s, ok := s.concluded(e.Probe)
	if !ok {
		return s
	}
	return s.unanswered(e.Failure).progressed()
}

// unanswered holds the next probe back.
func (s State) unanswered(f Failure) State {
	s.Verification.Unanswered++
	s.Verification.NotBefore = f.retry(slowBackoff, s.Verification.Unanswered)
	return s
}
