// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"bytes"
	"crypto/x509"
	"slices"
	"time"
)

// Trusted is a CA in a trust bundle.
type Trusted struct {
	Certificate *x509.Certificate
	// Until is when a CA of a former issuer leaves the bundle. It is zero for
	// those that belong to the present chain.
	Until time.Time
}

// Trust is what the outputs ca and truststore hold: the whole present chain and,
// after a change of issuer, the former CAs for as long as a leaf of theirs is
// valid, so that neither side of a connection is refused while only one of
// them has changed.
type Trust []Trusted

// Next is the bundle after a new chain has arrived, or after time has passed: the
// chain first, then the former CAs that are still needed. oldNotAfter is when
// the leaf ends to which the old bundle belonged.
//
// A former CA keeps the date that it was given first: later leaves come from
// the new issuer and do not prolong it. An old bundle of which only the
// certificates are known is one without dates.
func (old Trust) Next(oldNotAfter time.Time, chain []*x509.Certificate, now time.Time) Trust {
	var next Trust
	for _, c := range chain {
		next = append(next, Trusted{Certificate: c})
	}
	for _, t := range old {
		if t.Until.IsZero() {
			t.Until = oldNotAfter
		}
		if t.Certificate.NotAfter.Before(t.Until) {
			t.Until = t.Certificate.NotAfter
		}
		if now.Before(t.Until) && !next.holds(t.Certificate) {
			next = append(next, t)
		}
	}
	return next
}

// Announce is the bundle with the CAs of an issuer that will sign the next leaf:
// whoever reads the bundle may know them before he meets that leaf. They count as
// former ones that leave at the given time, until Next finds them in the chain.
func (t Trust) Announce(coming []*x509.Certificate, until time.Time) Trust {
	next := slices.Clone(t)
	for _, c := range coming {
		if !next.holds(c) {
			next = append(next, Trusted{Certificate: c, Until: until})
		}
	}
	return next
}

func (t Trust) holds(c *x509.Certificate) bool {
	return slices.ContainsFunc(t, func(t Trusted) bool { return bytes.Equal(t.Certificate.Raw, c.Raw) })
}

// Certificates lists the bundle's certificates.
func (t Trust) Certificates() []*x509.Certificate {
	var list []*x509.Certificate
	for _, trusted := range t {
		list = append(list, trusted.Certificate)
	}
	return list
}

// Until is when the bundle changes by itself, because a former CA leaves it; zero
// if it does not.
func (t Trust) Until() time.Time {
	var first time.Time
	for _, trusted := range t {
		if u := trusted.Until; !u.IsZero() && (first.IsZero() || u.Before(first)) {
			first = u
		}
	}
	return first
}
