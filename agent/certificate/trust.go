// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"bytes"
	"crypto/x509"
	"slices"
	"time"
)

// Trusted is one CA in a trust bundle.
type Trusted struct {
	Certificate *x509.Certificate
	// Until is when a CA of a former issuer is removed from the bundle. It is zero
	// for the CAs of the current chain.
	Until time.Time
}

// Trust is a trust bundle, the content of the outputs ca and truststore: the whole
// current chain and, after a change of issuer, the former CAs for as long as a leaf
// issued by them is valid. So connections succeed while only one of their sides has
// changed.
type Trust []Trusted

// Next returns the bundle for a new chain, or for a later time: the chain first, then
// the former CAs that are still needed. oldNotAfter is when the leaf of the old bundle
// expires.
//
// A former CA keeps its first date: later leaves come from the new issuer and do not
// extend it. A bundle that was read from a file has no dates.
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

// Announce returns the bundle with the CAs of the issuer that will sign the next leaf,
// so that clients trust them before they see that leaf. They are removed at the given
// time like former CAs, unless Next finds them in the chain before.
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

// Certificates returns the certificates of the bundle.
func (t Trust) Certificates() []*x509.Certificate {
	var list []*x509.Certificate
	for _, trusted := range t {
		list = append(list, trusted.Certificate)
	}
	return list
}

// Until returns when the first former CA is removed from the bundle; zero if there is
// none.
func (t Trust) Until() time.Time {
	var first time.Time
	for _, trusted := range t {
		if u := trusted.Until; !u.IsZero() && (first.IsZero() || u.Before(first)) {
			first = u
		}
	}
	return first
}
