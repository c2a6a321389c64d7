// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan

import "time"

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
	// Certificates are those that the bundle asks for itself.
	Certificates []Certificate
	// Stale is set when secrets or inputs changed since the last rendering.
	Stale bool
	// Quiet says when a burst of changes is over.
	Quiet Quiet
	// Content compares the rendered generation with the disk.
	Content Content
	// RetryRender and RetryPublish hold a failed step back. Zero: no failure.
	RetryRender, RetryPublish time.Time
	// Unchecked is set while what is published has not passed its check. Nothing
	// reacts to it before.
	Unchecked bool
	// Vetoed is set from the check's veto until the previous generation is back.
	Vetoed bool
	// RetryCheck and RetryRollback hold the step back. Zero: at once.
	RetryCheck, RetryRollback time.Time
	// Owed are the changes that have yet to succeed, in the order of the
	// configuration.
	Owed []Owed
	// Unverified is set while it is not known whether what is published is being
	// served; Verifying while somebody looks; RetryVerify holds the next look back.
	Unverified, Verifying bool
	RetryVerify           time.Time
}

// Certificate is one that a bundle asks for itself.
type Certificate struct {
	// Due is when to ask for it; now or earlier if there is none.
	Due time.Time
	// NotBefore holds asking back: the back-off of what failed, or the limit of
	// how often it may be issued.
	NotBefore time.Time
	// Absent is set while there is none that could be published.
	Absent bool
	// Asking is set while Vault is being asked.
	Asking bool
	// Failed is set once asking has failed, until it succeeds.
	Failed bool
}

// due is when to ask next.
func (c Certificate) due() time.Time { return later(c.Due, c.NotBefore) }

// awaited says whether a new generation waits for the certificate: certificates
// that are due together are published together, but one that cannot be had
// does not hold the others back.
func (c Certificate) awaited(now time.Time) bool {
	return c.Absent || !c.Failed && (c.Asking || !c.due().After(now))
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
	// NotBefore holds the change back: debounce and splay at first, then its
	// back-off.
	NotBefore time.Time
	// Failed is set once it has failed.
	Failed bool
}
