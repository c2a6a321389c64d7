// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package plan decides what a bundle does next. It is a state machine without
// input or output: an event and the state give the next state ([State.After]), the
// state and the time give the next step ([State.Next]). The bundle's loop carries
// the step out and reports what came of it as events. Order, merging and the
// back-off of a bundle's steps are decided here and nowhere else, so that tables of
// cases and random sequences of events can test them.
//
// The package reads no files, no network, no clock and no random numbers, and
// writes no log. What it needs of these, an event brings.
package plan

import "time"

// Action is what a bundle does next.
type Action int

const (
	// Rest does nothing until something happens or Step.Until comes.
	Rest Action = iota
	// Fetch begins to ask for the bundle's secrets, and keeps them renewed.
	Fetch
	// Issue begins to ask for the certificate with the index Step.Index; the
	// bundle goes on meanwhile.
	Issue
	// Render executes the bundle's templates and inspects the outcome.
	Render
	// Publish makes the rendered generation the one that readers see.
	Publish
	// Repair gives published files their owner and mode back.
	Repair
	// Check runs the check command on what is published.
	Check
	// Rollback makes the generation before the one that was vetoed the one that
	// readers see again.
	Rollback
	// React runs the pending change with the index Step.Index.
	React
	// Verify finds out whether what is published is being served.
	Verify
	// Doubt concludes that it has not become known for too long whether what is
	// published is being served.
	Doubt
	// Stop ends the bundle's loop. What is pending stays recorded.
	Stop
)

// String returns the action's name for logs and tests.
func (a Action) String() string {
	return [...]string{
		"rest", "fetch", "issue", "render", "publish", "repair", "check", "rollback", "react", "verify", "doubt", "stop",
	}[a]
}

// Step is what to do next.
type Step struct {
	Do Action
	// Index is that of the pending change, for React, or of the certificate, for
	// Issue.
	Index int
	// Until is when to ask again at the latest, for Rest. Zero: nothing but an
	// event can change the decision.
	Until time.Time
}

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
		State.fetch, State.rollback, State.issue, State.render, State.check, State.publish, State.react, State.verify, State.doubt,
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
	ended := 0
	for _, c := range s.Certificates {
		if c.awaited() {
			return Step{}, false
		}
		if c.Ended {
			ended++
		}
	}
	if ended > 0 && ended == len(s.Certificates) { // expired is not published
		return Step{}, false
	}
	return Step{Do: Render}, wake.reached(later(s.Retry.Render, s.Quiet.until()), now)
}

// awaited reports whether a new generation waits for the certificate: certificates
// that are due together are published together, but one whose issuance fails does
// not hold the others back.
func (c Issuance) awaited() bool {
	return c.Absent || c.Failures == 0 && c.Asking // one that is due is asked for first
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
		if !p.Tried() {
			return Step{}, false
		}
	}
	return Step{Do: Verify}, wake.reached(s.Verification.NotBefore, now)
}

// doubtSlack is how much later than a probe that began in time the doubt comes.
const doubtSlack = 500 * time.Millisecond

// doubt returns the step that says that nothing is proven. Probes end by themselves, but
// each new generation cancels the one before.
func (s State) doubt(now time.Time, wake *waker) (Step, bool) {
	v := s.Verification
	if !v.Unverified || v.Open.IsZero() || s.Published.Check != Passed {
		return Step{}, false
	}
	due := v.Open.Add(s.Setup.ProofTimeout + doubtSlack)
	if !v.Looked {
		due = due.Add(s.Setup.Spacing)
	}
	return Step{Do: Doubt}, wake.reached(due, now)
}

// waker collects the earliest of several instants.
type waker struct{ first time.Time }

// reached reports whether t has come. If not, it notes t.
func (w *waker) reached(t, now time.Time) bool {
	if !t.After(now) {
		return true
	}
	if w.first.IsZero() || t.Before(w.first) {
		w.first = t
	}
	return false
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
