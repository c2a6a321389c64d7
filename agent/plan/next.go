// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan

import "time"

// Next returns the step that follows from the state. A new generation comes before
// the reaction to the old one: a change that is pending for an older generation
// runs once, for the newest. What is vetoed is taken back before anything else is
// published, for otherwise there would be no way back to what was good. Nothing
// reacts to what has not passed its check.
func (s State) Next(now time.Time) Step {
	if s.Stopping {
		return Step{Do: Stop}
	}
	var wake waker
	for _, phase := range []func(State, time.Time, *waker) (Step, bool){
		State.fetch, State.rollback, State.issue, State.render, State.check, State.publish, State.react, State.verify,
	} {
		if step, ok := phase(s, now, &wake); ok {
			return step
		}
	}
	if s.Readiness.OnDisk && !s.Readiness.MayStart {
		wake.reached(s.BornAt.Add(patience+time.Millisecond), now)
	}
	return Step{Do: Rest, Until: wake.first}
}

// fetch returns the step that begins to ask for secrets, once what is on disk is
// no longer fresh.
func (s State) fetch(now time.Time, wake *waker) (Step, bool) {
	return Step{Do: Fetch}, !s.Fetching && wake.reached(s.FreshUntil, now)
}

func (s State) rollback(now time.Time, wake *waker) (Step, bool) {
	return Step{Do: Rollback}, s.Published.Check == Vetoed && wake.reached(s.Retry.Rollback, now)
}

// issue returns the step that asks for a certificate.
func (s State) issue(now time.Time, wake *waker) (Step, bool) {
	if !s.Fetching {
		return Step{}, false
	}
	for i, c := range s.Certificates {
		if !c.Asking && wake.reached(later(c.Due, c.NotBefore), now) {
			return Step{Do: Issue, Index: i}, true
		}
	}
	return Step{}, false
}

// render returns the step that makes a new generation of what has changed.
func (s State) render(now time.Time, wake *waker) (Step, bool) {
	if !s.Fetching || !s.Stale || s.Missing > 0 {
		return Step{}, false
	}
	for _, c := range s.Certificates {
		if c.awaited(now) {
			return Step{}, false
		}
	}
	return Step{Do: Render}, wake.reached(later(s.Retry.Render, s.Quiet.until()), now)
}

// awaited reports whether a new generation waits for the certificate: certificates
// that are due together are published together, but one whose issuance fails does
// not hold the others back.
func (c Issuance) awaited(now time.Time) bool {
	return c.Absent || c.Failures == 0 && (c.Asking || !later(c.Due, c.NotBefore).After(now))
}

func (s State) check(now time.Time, wake *waker) (Step, bool) {
	return Step{Do: Check}, s.Published.Check == Unchecked && wake.reached(s.Retry.Check, now)
}

// publish returns the step that brings the rendered generation to disk.
func (s State) publish(now time.Time, wake *waker) (Step, bool) {
	if !s.Fetching || s.Stale || s.Published.Check == Vetoed {
		return Step{}, false
	}
	var do Action
	switch s.Content {
	case Differs:
		do = Publish
	case Drifted:
		do = Repair
	default:
		return Step{}, false
	}
	notBefore := s.Retry.Publish
	if s.Rejected == "" || s.Rejected == s.Rendered.Digest {
		notBefore = later(notBefore, s.Retry.Rejected)
	}
	return Step{Do: do}, wake.reached(notBefore, now)
}

func (s State) react(now time.Time, wake *waker) (Step, bool) {
	if s.Published.Check != Passed {
		return Step{}, false
	}
	for i, p := range s.Published.Pending {
		if wake.reached(p.NotBefore, now) {
			return Step{Do: React, Index: i}, true
		}
	}
	return Step{}, false
}

// verify returns the step that proves what the change has done. It comes after the
// change; but the change of a server that does not run fails, which a probe shows.
func (s State) verify(now time.Time, wake *waker) (Step, bool) {
	if v := s.Verification; !v.Unverified || v.Probing || s.Published.Check != Passed {
		return Step{}, false
	}
	for _, p := range s.Published.Pending {
		if p.Failures == 0 {
			return Step{}, false
		}
	}
	return Step{Do: Verify}, wake.reached(s.Verification.NotBefore, now)
}
