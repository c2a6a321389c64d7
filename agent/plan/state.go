// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan

import (
	"encoding/json"
	"slices"
	"time"
)

// State is all that deciding needs to know of one bundle. It is a value: After
// returns the next one and leaves the one before as it was. Only After makes
// another State out of one; New returns the first.
type State struct {
	Setup Setup
	// BornAt is when the bundle began, ObservedAt when it last looked at the
	// clock.
	BornAt, ObservedAt time.Time
	// Stopping is set once the agent shuts down.
	Stopping bool

	// Fetching is set once the bundle's secrets are asked for.
	Fetching bool
	// FreshUntil is set while what is on disk is known to be the answer to the
	// present configuration: no secret is asked for before that instant.
	FreshUntil time.Time
	// LoggedOut is set while there is no token and logging in fails; SecretFails while
	// a certificate of a template cannot be renewed.
	LoggedOut, SecretFails bool
	// Missing is how many secrets the bundle still waits for.
	Missing int
	// Certificates are those that the bundle asks for itself.
	Certificates []Issuance

	// Stale is set when secrets or inputs changed since the last rendering.
	Stale bool
	// Quiet is the burst of changes since the last rendering.
	Quiet Quiet
	// HasRendered is set after the first complete rendering.
	HasRendered bool
	// Content compares the rendered generation with the disk.
	Content Content
	// Rendered is the generation that waits to be published. It is the zero value
	// unless Content is Differs or Drifted.
	Rendered Generation

	// Published is what readers see.
	Published Publication
	// Rejected is the digest of the generation that the check vetoed last, and
	// that was rolled back; empty once another one has passed.
	Rejected string
	// Vetoes counts the check's vetoes in a row.
	Vetoes int

	Verification Verification
	Failures     Failures
	Retry        Retry
	Readiness    Readiness

	// Tickets counts the changes that became pending.
	Tickets uint64
}

// Setup is the bundle's configuration.
type Setup struct {
	// Changes are the reactions to a published generation, in the order of the
	// configuration. A bundle block has one; templates at the top level have one
	// each.
	Changes []Change
	// Fallback is the change that runs if the server still serves the old certificate
	// after the first one. Its key is empty if there is none.
	Fallback Change
	// OneShot is set if the agent ends once everything is done: a change that was tried
	// and failed is left pending.
	OneShot bool
	// Checks and Verifies are set if the bundle has a check and a verify block.
	Checks, Verifies bool
	// ProofTimeout is how long a probe takes at most. Spacing is how long the change may
	// be held back.
	ProofTimeout, Spacing time.Duration
	// WaitMin and WaitMax bound a burst of changes, see Quiet.
	WaitMin, WaitMax time.Duration
}

// Content is how the rendered generation compares with what is on disk.
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

// Quiet is a burst of changes, for a template's wait block. The zero
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

// Generation is what deciding needs to know of a rendered generation.
type Generation struct {
	// Origin is what the generation was made from.
	Origin Origin
	// Digest identifies the content. It is empty if an earlier run made it.
	Digest string
	// Until is when the first of the certificates that were valid at the rendering
	// ends; zero for none. After that the generation is not published.
	Until time.Time
	// Differs lists, for each of the bundle's changes, whether a file that it
	// reacts to differs from what is on disk.
	Differs []bool
}

// Origin is what a generation was made from, and how long it is good.
type Origin struct {
	// Config identifies the members that rendered the files.
	Config string
	// Requests identify what was asked of Vault, sorted.
	Requests []string
	// Inputs are digests of the local files that the templates read.
	Inputs map[string]string
	// FreshUntil is when the first of the bundle's certificates is to be
	// renewed. Zero: ask anew after a restart.
	FreshUntil time.Time
	// Expires is when the first of the bundle's certificates ends, Serial its serial
	// number.
	Expires time.Time
	Serial  string
	// Certificates are what the next start needs to know of the certificates that
	// the bundle asks for itself, by their names. Package plan does not look into it.
	Certificates map[string]json.RawMessage
}

// SameInputs reports whether two generations stem from equal members that asked
// Vault for the same and read equal files.
func (o Origin) SameInputs(other Origin) bool {
	if o.Config != other.Config || !slices.Equal(o.Requests, other.Requests) || len(o.Inputs) != len(other.Inputs) {
		return false
	}
	for path, sum := range o.Inputs {
		if other.Inputs[path] != sum {
			return false
		}
	}
	return true
}

// Publication is a published generation and what is still to be done about it.
type Publication struct {
	Generation
	// Visible is since when readers have seen the generation, on a clock that nobody
	// sets; empty if that is not known. Package plan does not look into it.
	Visible string
	// Check is how far the generation has come with its check.
	Check CheckState
	// Pending are the changes that have yet to succeed, in the order of the
	// configuration.
	Pending []PendingChange
	// InUse is what the consumer uses until the check has passed and the pending
	// changes have succeeded; zero if that is what is published, or unknown.
	InUse Ending
	// Previous is what readers saw before, as long as the check has not passed.
	Previous *Publication
}

// CheckState is how far a published generation has come with its check.
type CheckState int

const (
	// Passed means that the check has passed, or that there is none.
	Passed CheckState = iota
	// Unchecked means that the check has yet to pass. Nothing reacts to the
	// generation before that.
	Unchecked
	// Vetoed means that the check failed and that the previous generation is to be
	// published again.
	Vetoed
)

// PendingChange is a change that has yet to succeed.
type PendingChange struct {
	// Key is that of the change.
	Key string
	// Fallback is set if the change is the fallback.
	Fallback bool
	// NotBefore holds the change back: debounce and splay at first, then its
	// back-off.
	NotBefore time.Time
	// Failures counts the attempts that failed. Absent counts the looks in a row
	// that found no target, Held the attempts in a row whose signal would have ended
	// the target.
	Failures, Absent, Held int
	// Again is set if the change has succeeded once, and the server does not serve
	// the new certificate all the same.
	Again bool
	// Ticket is another number each time that the change is scheduled anew.
	Ticket uint64
}

// Issuance is how far the bundle is with one certificate that it asks for itself.
type Issuance struct {
	// Due is when to ask for it; now or earlier if there is none.
	Due time.Time
	// NotBefore holds asking back: the back-off of what failed, or the limit of
	// how often it may be issued.
	NotBefore time.Time
	// Limited is set while it is held back because it was issued too often.
	Limited bool
	// Absent is set while there is none that could be published, Ended while the one
	// that is published has ended.
	Absent, Ended bool
	// Asking is set while Vault is being asked.
	Asking bool
	// Failures counts the requests that failed since one succeeded.
	Failures int
	// Refused is set if the last request failed for a reason that waiting does not
	// cure.
	Refused bool
	// Loaded is set once the files on disk were read.
	Loaded bool
	// LoadFailed is set while reading the files on disk fails.
	LoadFailed bool
}

// Verification is how far it is known which certificate is being served.
type Verification struct {
	// Unverified is set while it is not known whether what is published is being
	// served.
	Unverified bool
	// Probing is set while a probe is in progress. Probe is the number of the
	// latest one; a result that carries another number is ignored.
	Probing bool
	Probe   int
	// NotBefore holds the next probe back.
	NotBefore time.Time
	// Open is since when nothing has been concluded, over any number of generations;
	// zero while nothing is to be. Looked is set once a probe has begun since then.
	Open   time.Time
	Looked bool
	// ServedOld counts the probes in a row that found another certificate.
	ServedOld int
	// Unanswered counts the probes in a row that could not tell.
	Unanswered int
	// Absent is set while no server is listening.
	Absent bool
	// Served is a certificate that a server was seen to serve in place of the published
	// one.
	Served Ending
}

// Failures counts failures in a row.
type Failures struct{ Render, Publish, Repair, Rollback int }

// Retry holds steps back. A zero time does not.
type Retry struct {
	Render, Publish, Check, Rollback time.Time
	// Rejected holds back publishing what the check has vetoed. Where an earlier run
	// published that, its digest is not known, and anything is held back.
	Rejected time.Time
}

// Readiness is the bundle's progress as others wait for it. Once set, a field stays
// set until the bundle is merged or the agent restarts.
type Readiness struct {
	// OnDisk is set if valid files were found on disk at the start.
	OnDisk bool
	// ThisRun is set once this run of the agent has published a generation.
	ThisRun bool
	// MayStart is set once the child may start, as far as this bundle is concerned.
	MayStart bool
	// FromDisk is set if Vault did not answer and the files on disk are used.
	FromDisk bool
	// Ready is set once the bundle is published and, if it verifies, being served.
	Ready bool
	// Settled is set once nothing was left to do, and no certificate that is due could
	// not be had.
	Settled bool
}

// New returns the state of a bundle of which nothing is known yet.
func New(setup Setup, certificates int, now time.Time) State {
	return State{Setup: setup, BornAt: now, ObservedAt: now, Certificates: make([]Issuance, certificates)}
}

// Unissued returns the index of a certificate that is due and could not be had, -1 if
// there is none: what is published is not what is configured, or will not be for long.
func (s State) Unissued() int {
	return slices.IndexFunc(s.Certificates, func(c Issuance) bool { return (c.Limited || c.Failures > 0) && !c.Due.After(s.ObservedAt) })
}

// progressed notes how far the bundle has come. With a certificate that has ended it has
// not come anywhere.
func (s State) progressed() State {
	current := s.Content == Same || !s.Fetching && !s.FreshUntil.IsZero()
	if s.Published.Check != Passed || !current && s.Rejected == "" || s.ended() {
		return s
	}
	s.Readiness.MayStart = true
	proven := !s.Verification.Unverified || s.Verification.Absent
	if proven || !s.Readiness.ThisRun { // a valid set that was there before is enough to begin with
		s.Readiness.Ready = true
	}
	if proven && s.Unissued() < 0 && (s.Published.onlyWaits() || s.Setup.OneShot && s.Published.allTried()) && s.Rejected == "" {
		s.Readiness.Settled = true
	}
	return s
}
