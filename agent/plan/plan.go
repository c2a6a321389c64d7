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
	// Render executes the bundle's templates and inspects the outcome.
	Render
	// Publish makes the rendered generation the one that readers see.
	Publish
	// Repair gives published files their owner and mode back.
	Repair
	// React runs the owed change with the index Step.Change.
	React
	// Stop ends the bundle's loop. What is owed stays recorded.
	Stop
)

// String returns the action's name for logs and tests.
func (a Action) String() string {
	return [...]string{"rest", "fetch", "render", "publish", "repair", "react", "stop"}[a]
}

// Content says how the rendered generation compares with what is on disk.
type Content int

const (
	// Unknown means that nothing was rendered since the secrets last changed.
	Unknown Content = iota
	// Same means that the disk holds the generation: nothing is written.
	Same
	// Drifted means equal content under another owner or mode.
	Drifted
	// Differs means that the generation must be published.
	Differs
)

// Facts are what is known of one bundle at one instant. The zero value is a
// bundle of which nothing is known yet: its next step is Fetch.
type Facts struct {
	// Now is the wall clock.
	Now time.Time
	// Stopping is set once the agent shuts down.
	Stopping bool
	// Fetching is set once the bundle's secrets are asked for.
	Fetching bool
	// FreshUntil is set while what is on disk is known to be the answer to the
	// present configuration: no secret is asked for before that instant.
	FreshUntil time.Time
	// Missing is how many secrets the bundle still waits for.
	Missing int
	// Stale is set when secrets or inputs changed since the last rendering.
	Stale bool
	// Quiet says when a burst of changes is over.
	Quiet Quiet
	// Content compares the rendered generation with the disk.
	Content Content
	// RetryRender and RetryPublish hold a failed step back. Zero: no failure.
	RetryRender, RetryPublish time.Time
	// Owed are the changes that have yet to succeed, in the order of the
	// configuration.
	Owed []Owed
}

// Quiet describes a burst of changes, for a template's wait block. The zero
// value waits for nothing.
type Quiet struct {
	// First and Last are when the first and the latest change since the last
	// rendering came.
	First, Last time.Time
	// Min is how long nothing must have changed, Max how long a burst may hold
	// rendering back.
	Min, Max time.Duration
}

// until returns the instant from which the burst counts as over.
func (q Quiet) until() time.Time {
	end := q.Last.Add(q.Min)
	if limit := q.First.Add(q.Max); q.Max > 0 && limit.Before(end) {
		return limit
	}
	return end
}

// Owed is a change that has yet to succeed.
type Owed struct {
	// NotBefore holds the change back: its splay at first, then its back-off.
	NotBefore time.Time
}

// Step is what to do next.
type Step struct {
	Do Action
	// Change is the index of the owed change to run, for React.
	Change int
	// Until is when to ask again at the latest, for Rest. Zero: nothing but an
	// event can change the decision.
	Until time.Time
}

// Next returns the step that follows from the facts. Publishing comes before
// reacting: a change that is owed for an older generation runs once, for the
// newest.
func Next(f Facts) Step {
	if f.Stopping {
		return Step{Do: Stop}
	}
	var wake waker
	if !f.Fetching {
		if !f.FreshUntil.After(f.Now) {
			return Step{Do: Fetch}
		}
		wake.at(f.FreshUntil)
	} else if step, ok := nextGeneration(f, &wake); ok {
		return step
	}
	for i, owed := range f.Owed {
		if !owed.NotBefore.After(f.Now) {
			return Step{Do: React, Change: i}
		}
		wake.at(owed.NotBefore)
	}
	return Step{Do: Rest, Until: wake.first}
}

// nextGeneration returns the step that brings a new generation to disk, if one
// is due.
func nextGeneration(f Facts, wake *waker) (Step, bool) {
	if f.Missing > 0 {
		return Step{}, false
	}
	if f.Stale {
		due := later(f.RetryRender, f.Quiet.until())
		if !due.After(f.Now) {
			return Step{Do: Render}, true
		}
		wake.at(due)
		return Step{}, false
	}
	switch f.Content {
	case Differs, Drifted:
		if f.RetryPublish.After(f.Now) {
			wake.at(f.RetryPublish)
			return Step{}, false
		}
		if f.Content == Differs {
			return Step{Do: Publish}, true
		}
		return Step{Do: Repair}, true
	}
	return Step{}, false
}

// waker collects the earliest of several instants.
type waker struct{ first time.Time }

func (w *waker) at(t time.Time) {
	if w.first.IsZero() || t.Before(w.first) {
		w.first = t
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
