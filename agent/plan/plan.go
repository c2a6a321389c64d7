// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package plan decides what a bundle does next. It is pure: from what is known
// of a bundle at one instant it says the next step, and the bundle's loop only
// carries it out and asks again. Order, merging and back-off are decided here
// and nowhere else, so that a table of cases can hold them.
//
// It refuses to know anything by itself: no files, no network, no clock, no
// log. The present moment is a fact like any other.
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
	// Check has the consumer's own test look at what is published.
	Check
	// Rollback makes the generation before the one that was vetoed the one that
	// readers see again.
	Rollback
	// React runs the owed change with the index Step.Index.
	React
	// Verify finds out whether what is published is being served.
	Verify
	// Stop ends the bundle's loop. What is owed stays recorded.
	Stop
)

// String returns the action's name for logs and tests.
func (a Action) String() string {
	return [...]string{
		"rest", "fetch", "issue", "render", "publish", "repair", "check", "rollback", "react", "verify", "stop",
	}[a]
}

// Step is what to do next.
type Step struct {
	Do Action
	// Index says which owed change to run, for React, or which certificate to ask
	// for, for Issue.
	Index int
	// Until is when to ask again at the latest, for Rest. Zero: nothing but an
	// event can change the decision.
	Until time.Time
}

// Next returns the step that follows from the facts. A new generation comes
// before the reaction to the old one: a change that is owed for an older
// generation runs once, for the newest. What is vetoed is taken back before
// anything else is published, for else there would be no way back to what was
// good; and what has not passed its check is not reacted to.
func Next(f Facts) Step {
	if f.Stopping {
		return Step{Do: Stop}
	}
	var wake waker
	for _, phase := range []func(Facts, *waker) (Step, bool){fetch, rollback, issue, render, check, publish, react, verify} {
		if step, ok := phase(f, &wake); ok {
			return step
		}
	}
	return Step{Do: Rest, Until: wake.first}
}

// fetch returns the step that begins to ask for secrets, once what is on disk is
// no longer fresh.
func fetch(f Facts, wake *waker) (Step, bool) {
	return Step{Do: Fetch}, !f.Fetching && wake.reached(f.FreshUntil, f.Now)
}

func rollback(f Facts, wake *waker) (Step, bool) {
	return Step{Do: Rollback}, f.Vetoed && wake.reached(f.RetryRollback, f.Now)
}

// issue returns the step that asks for a certificate.
func issue(f Facts, wake *waker) (Step, bool) {
	if !f.Fetching {
		return Step{}, false
	}
	for i, c := range f.Certificates {
		if !c.Asking && wake.reached(c.due(), f.Now) {
			return Step{Do: Issue, Index: i}, true
		}
	}
	return Step{}, false
}

// render returns the step that makes a new generation of what has changed.
func render(f Facts, wake *waker) (Step, bool) {
	if !f.Fetching || !f.Stale || f.Missing > 0 {
		return Step{}, false
	}
	for _, c := range f.Certificates {
		if c.awaited(f.Now) {
			return Step{}, false
		}
	}
	return Step{Do: Render}, wake.reached(later(f.RetryRender, f.Quiet.until()), f.Now)
}

func check(f Facts, wake *waker) (Step, bool) {
	return Step{Do: Check}, f.Unchecked && !f.Vetoed && wake.reached(f.RetryCheck, f.Now)
}

// publish returns the step that brings the rendered generation to disk.
func publish(f Facts, wake *waker) (Step, bool) {
	if !f.Fetching || f.Stale || f.Vetoed || f.Content != Differs && f.Content != Drifted {
		return Step{}, false
	}
	do := Publish
	if f.Content == Drifted {
		do = Repair
	}
	return Step{Do: do}, wake.reached(f.RetryPublish, f.Now)
}

func react(f Facts, wake *waker) (Step, bool) {
	if f.Unchecked || f.Vetoed {
		return Step{}, false
	}
	for i, owed := range f.Owed {
		if wake.reached(owed.NotBefore, f.Now) {
			return Step{Do: React, Index: i}, true
		}
	}
	return Step{}, false
}

// verify returns the step that proves what the change has done. It comes after
// the change; but one that fails may have nobody to act upon, which is seen by
// looking.
func verify(f Facts, wake *waker) (Step, bool) {
	if !f.Unverified || f.Verifying || f.Unchecked || f.Vetoed {
		return Step{}, false
	}
	for _, owed := range f.Owed {
		if !owed.Failed {
			return Step{}, false
		}
	}
	return Step{Do: Verify}, wake.reached(f.RetryVerify, f.Now)
}

// waker collects the earliest of several instants.
type waker struct{ first time.Time }

// reached says whether t has come, and if not, notes it.
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
