// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

// Payload is what a bundle leaves beside its files for the next start. It holds no
// secret and no command: a pending change is named by a digest, so that write
// access to the directory is not enough to have a command run.
type Payload struct {
	// The first six are those of Origin.
	Config     string            `json:"config"`
	Requests   []string          `json:"requests"`
	Inputs     map[string]string `json:"inputs,omitempty"`
	FreshUntil time.Time         `json:"fresh_until,omitzero"`
	Expires    time.Time         `json:"expires,omitzero"`
	Serial     string            `json:"serial,omitempty"`
	// Unproven is since when nothing has been concluded of what is served.
	Unproven time.Time `json:"unproven_since,omitzero"`
	// InUse is that of Publication.
	InUse Ending `json:"in_use,omitzero"`
	// Pending are the digests of the changes that have yet to succeed.
	Pending []string `json:"owed,omitempty"`
	// Visible is since when readers have seen what these changes are about.
	Visible string `json:"visible,omitempty"`
	// Certificates are those of Origin.
	Certificates map[string]json.RawMessage `json:"certificates,omitempty"`
	// Unchecked is set if the generation has yet to pass its check. Before is what
	// was known of the one before it then.
	Unchecked bool   `json:"unchecked,omitempty"`
	Before    Before `json:"before,omitzero"`
	// Rejected is the digest of a later generation that the check has vetoed.
	Rejected string `json:"rejected,omitempty"`
}

// Before is what a payload keeps of the generation before one that is unchecked.
type Before struct {
	Pending   []string `json:"owed,omitempty"`
	Unchecked bool     `json:"unchecked,omitempty"`
}

// ParsePayload reads a payload.
func ParsePayload(text json.RawMessage) (Payload, error) {
	var p Payload
	err := json.Unmarshal(text, &p)
	return p, err
}

// JSON returns the payload as it is stored.
func (p Payload) JSON() json.RawMessage {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings, times and what was marshalled before always marshal
	}
	return text
}

// Origin returns what the published generation was made from.
func (p Payload) Origin() Origin {
	return Origin{p.Config, p.Requests, p.Inputs, p.FreshUntil, p.Expires, p.Serial, p.Certificates}
}

// Remembered returns what the next start has to know. It is the payload of a Resumed.
func (s State) Remembered() Payload {
	o := s.Published.Origin
	p := Payload{
		Config: o.Config, Requests: o.Requests, Inputs: o.Inputs, FreshUntil: o.FreshUntil, Expires: o.Expires, Serial: o.Serial,
		InUse:        s.Published.InUse,
		Unproven:     s.Verification.Open,
		Certificates: o.Certificates,
		Pending:      digests(s.Published.Pending),
		Unchecked:    s.Published.Check != Passed,
		Rejected:     s.Rejected,
	}
	if len(p.Pending) > 0 {
		p.Visible = s.Published.Visible
	}
	if before := s.Published.Previous; before != nil {
		p.Before = Before{digests(before.Pending), before.Check != Passed}
	}
	return p
}

type (
	// Resumed is what an earlier run left.
	Resumed struct {
		Now     time.Time
		Payload Payload
		// OnDisk is set if the files on disk are valid.
		OnDisk bool
		// Serves is set if one of the certificates on disk is to be served.
		Serves bool
		// Ending is what is seen on disk; the zero value leaves it to the payload.
		Ending Ending
		// FreshUntil is set if the files on disk are the answer to the present
		// configuration until then.
		FreshUntil time.Time
	}

	// Merged makes one bundle of this one and another, with the setup of both. The
	// record of this one stays.
	Merged struct {
		Other State
		Setup Setup
	}
)

func (e Resumed) after(s State) State {
	s.ObservedAt = e.Now
	s.Readiness.OnDisk = e.OnDisk
	s.Published.Origin = e.Payload.Origin()
	if e.Ending.At.IsZero() {
		e.Ending = e.Payload.Origin().Ending()
	}
	s.Published.Origin.Expires, s.Published.Origin.Serial = e.Ending.At, e.Ending.Serial
	s.Published.InUse = e.Payload.InUse
	s.Published.Pending = s.Setup.pending(e.Payload.Pending, e.Now)
	s.Published.Visible = e.Payload.Visible
	if s.Setup.Checks { // or what an earlier one has left counts no more
		s = s.resumeCheck(e)
	}
	s = s.schedulePending().taken().resumeProof(e)
	s.Verification.Unverified = s.Setup.Verifies && e.Serves // or there is nothing to verify before it is published
	if e.FreshUntil.IsZero() {
		return s
	}
	s.FreshUntil = e.FreshUntil
	s.Published.Origin.FreshUntil = e.FreshUntil
	if s.Published.Check == Passed {
		s = s.accepted()
	}
	return s.progressed()
}

// resumeCheck restores how far an earlier run has come with the check.
func (s State) resumeCheck(e Resumed) State {
	if e.Payload.Unchecked {
		before := Publication{Pending: s.Setup.pending(e.Payload.Before.Pending, e.Now)}
		if e.Payload.Before.Unchecked {
			before.Check = Unchecked
		}
		s.Published.Check, s.Published.Previous = Unchecked, &before
	}
	if s.Rejected = e.Payload.Rejected; s.Rejected != "" {
		s.Retry.Rejected = e.Now.Add(slowBackoff.Min)
	}
	return s
}

// leastLook is how long a start looks at what is served before it doubts.
const leastLook = time.Second

// resumeProof restores since when nothing has been proven: a start does not begin anew
// to wait for that.
func (s State) resumeProof(e Resumed) State {
	since := e.Payload.Unproven
	if since.IsZero() || !s.Setup.Verifies || !e.Serves {
		return s
	}
	if latest := e.Now.Add(min(leastLook, s.Setup.ProofTimeout) - s.Setup.ProofTimeout); since.Before(latest) {
		since = latest
	}
	if since.After(e.Now) { // the clock was set back
		since = e.Now
	}
	s.Verification.Open, s.Verification.Looked = since, true
	return s
}

// pending returns the changes that an earlier run left. If none of them is
// configured any more, the changes that are configured now run in their place.
func (s Setup) pending(left []string, now time.Time) []PendingChange {
	if len(left) == 0 {
		return nil
	}
	var found, all []PendingChange
	for i, c := range append(slices.Clone(s.Changes), s.Fallback) {
		p := PendingChange{Key: c.Key, Fallback: i == len(s.Changes), NotBefore: now}
		if c.Key == "" || slices.ContainsFunc(all, func(q PendingChange) bool { return q.Key == c.Key }) {
			continue
		}
		all = append(all, p)
		if slices.Contains(left, digest(c.Key)) {
			found = append(found, p)
		}
	}
	if len(found) == 0 {
		found = slices.DeleteFunc(all, func(p PendingChange) bool { return p.Fallback })
	}
	return found
}

// What the other one knows of Vault and of the disk is found out anew.
func (e Merged) after(s State) State {
	merged := New(e.Setup, 0, s.BornAt)
	merged.ObservedAt = s.ObservedAt
	merged.Tickets = s.Tickets
	merged.Readiness.OnDisk = s.Readiness.OnDisk && e.Other.Readiness.OnDisk
	merged.Readiness.MayStart = s.Readiness.MayStart && e.Other.Readiness.MayStart
	merged.Published.Generation = s.Published.Generation
	merged.Published.Pending = slices.Clone(s.Published.Pending)
	switch { // of the later of the two nothing is known
	case len(e.Other.Published.Pending) == 0:
		merged.Published.Visible = s.Published.Visible
	case len(s.Published.Pending) == 0:
		merged.Published.Visible = e.Other.Published.Visible
	}
	for _, p := range e.Other.Published.Pending {
		if !slices.ContainsFunc(merged.Published.Pending, func(q PendingChange) bool { return q.Key == p.Key }) {
			merged.Published.Pending = append(merged.Published.Pending, p)
		}
	}
	return merged.schedulePending()
}

func digests(pending []PendingChange) []string {
	var sums []string
	for _, p := range pending {
		sums = append(sums, digest(p.Key))
	}
	return sums
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
