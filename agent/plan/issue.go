// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/certagent/certagent/backoff"
)

type (
	// CertificateLoaded reports that the files of a certificate were read from disk,
	// whether or not they hold a usable pair.
	CertificateLoaded struct{ Index int }

	// LoadFailed reports that the files of a certificate cannot be read yet. Failed
	// is set if that is an error, and not only a password that is yet to come.
	LoadFailed struct {
		Index  int
		Failed bool
	}

	// IssueStarted is the beginning of asking Vault for a certificate.
	IssueStarted struct{ Index int }

	// IssueHeld reports that a certificate was issued too often to ask again now. A time
	// that has come ends whatever holds it back.
	IssueHeld struct {
		Index int
		Until time.Time
	}

	// Issued reports that a certificate was issued; Due is when to ask again.
	Issued struct {
		Index    int
		Now, Due time.Time
	}

	// IssueFailed reports that a certificate was not issued.
	IssueFailed struct {
		Index int
		Failure
		// Life and Left are the lifetime of the certificate that there is, and what
		// is left of it. Life is 0 if there is none.
		Life, Left time.Duration
		// RetryAfter is how long the server wants to be left alone; 0 if it did not
		// say.
		RetryAfter time.Duration
		// Slow is set if trying again soon is of no use; Refused if trying again is of
		// no use until an operator has done something.
		Slow, Refused bool
	}

	// Counted reports that the record of the published certificates has changed: how
	// often they were issued counts for the next start too.
	Counted struct{ Certificates map[string]json.RawMessage }

	// IssueAbandoned reports that a request for a certificate ended without an
	// outcome, because the bundle stops.
	IssueAbandoned struct{ Index int }

	// IssuerChanged reports that another CA will sign the certificate from now on.
	// Left is what is left of the lifetime of the one that there is.
	IssuerChanged struct {
		Index int
		Failure
		Left time.Duration
	}
)

var (
	// issueBackoff spaces requests for a certificate; refusalBackoff those that
	// Vault refuses.
	issueBackoff   = backoff.Law{Min: 500 * time.Millisecond, Max: time.Minute}
	refusalBackoff = backoff.Law{Min: 5 * time.Second, Max: 5 * time.Minute}
)

// announceLead is for how long, at most, a new issuer's CAs are published before
// the first leaf that it signs is asked for. Half of it is random, to keep a fleet
// from asking all at once.
const announceLead = time.Minute

// issuance returns the state with that certificate changed.
func (s State) issuance(index int, change func(*Issuance)) State {
	s.Certificates = slices.Clone(s.Certificates)
	change(&s.Certificates[index])
	return s
}

func (e CertificateLoaded) after(s State) State {
	return s.issuance(e.Index, func(c *Issuance) { c.Loaded, c.LoadFailed = true, false })
}

func (e LoadFailed) after(s State) State {
	return s.issuance(e.Index, func(c *Issuance) { c.LoadFailed = e.Failed })
}

func (e IssueStarted) after(s State) State {
	return s.issuance(e.Index, func(c *Issuance) { c.Asking, c.Limited = true, false })
}

func (e IssueHeld) after(s State) State {
	return s.issuance(e.Index, func(c *Issuance) { c.NotBefore, c.Limited = e.Until, e.Until.After(s.ObservedAt) })
}

func (e Issued) after(s State) State {
	return s.issuance(e.Index, func(c *Issuance) {
		*c = Issuance{Due: e.Due, Loaded: c.Loaded}
	}).stale(e.Now)
}

func (e IssueFailed) after(s State) State {
	return s.issuance(e.Index, func(c *Issuance) {
		c.Asking = false
		c.Failures++
		c.Refused = e.Refused
		law := issueBackoff
		if e.Slow {
			law = refusalBackoff
		}
		c.NotBefore = e.Now.Add(law.After(backoff.Failure{
			Count: c.Failures, Random: e.Random, Life: e.Life, Left: e.Left, RetryAfter: e.RetryAfter,
		}))
	})
}

func (e Counted) after(s State) State {
	s.Published.Origin.Certificates = e.Certificates
	return s
}

func (e IssueAbandoned) after(s State) State {
	return s.issuance(e.Index, func(c *Issuance) { c.Asking = false })
}

func (e IssuerChanged) after(s State) State {
	lead := min(announceLead, e.Left/10)
	lead = lead/2 + time.Duration(e.Random*float64(lead/2))
	return s.issuance(e.Index, func(c *Issuance) { c.NotBefore = e.Now.Add(lead) }).stale(e.Now)
}
