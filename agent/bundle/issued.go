// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/certinfo"
)

// issuedCertificate is the pair that was issued last, and what has to be known about
// it. The zero value is none.
type issuedCertificate struct {
	pair     certificate.Pair
	trust    certificate.Trust
	identity string    // of the spec that it was issued for; "" if unknown
	issuedAt time.Time // by this host's clock; zero if unknown
	breaker  certificate.Breaker

	// defaultIssuer is the certificate of the mount's default issuer; nil if
	// unknown.
	defaultIssuer *x509.Certificate
	// successor is the default issuer if it should have signed the leaf and has
	// not; nil otherwise, also if the role has an issuer of its own.
	successor *x509.Certificate
	// told are the warnings about the certificate that were logged.
	told string
	// follows is set once a leaf of this role was signed by the default issuer.
	follows bool
}

// issuedPayload is what a bundle's record keeps of an issued certificate. It holds
// no secret.
type issuedPayload struct {
	// Leaf is the fingerprint of the certificate that the rest belongs to.
	Leaf     string    `json:"leaf,omitempty"`
	Identity string    `json:"identity,omitempty"`
	IssuedAt time.Time `json:"issued_at,omitzero"`
	// Former is when the CAs of former issuers leave the trust bundle, by
	// fingerprint.
	Former  map[string]time.Time `json:"former,omitempty"`
	Breaker certificate.Breaker  `json:"breaker,omitzero"`
	Told    string               `json:"told,omitempty"`
	Follows bool                 `json:"follows,omitempty"`
}

// parseIssued reads what a bundle's record keeps of a certificate; nothing if text is
// empty.
func parseIssued(text json.RawMessage) (issuedPayload, error) {
	var p issuedPayload
	if len(text) == 0 {
		return p, nil
	}
	err := json.Unmarshal(text, &p)
	return p, err
}

// JSON returns the payload as it is stored.
func (p issuedPayload) JSON() json.RawMessage {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and times always marshal
	}
	return text
}

func (h *issuedCertificate) payload() issuedPayload {
	m := issuedPayload{Identity: h.identity, IssuedAt: h.issuedAt, Breaker: h.breaker, Told: h.told, Follows: h.follows}
	if h.pair.Leaf != nil {
		m.Leaf = fingerprint(h.pair.Leaf)
	}
	for _, t := range h.trust {
		if t.Until.IsZero() {
			continue
		}
		if m.Former == nil {
			m.Former = make(map[string]time.Time)
		}
		m.Former[fingerprint(t.Certificate)] = t.Until
	}
	return m
}

// restore takes over a pair that was read from disk. m counts as far as it belongs
// to the same certificate.
func (h *issuedCertificate) restore(pair certificate.Pair, trust certificate.Trust, m issuedPayload, now time.Time) {
	h.pair, h.breaker = pair, m.Breaker.Restored(now)
	if pair.Leaf == nil {
		return
	}
	if m.Leaf == fingerprint(pair.Leaf) {
		h.identity, h.issuedAt, h.follows, h.told = m.Identity, m.IssuedAt, m.Follows, m.Told
		for i, t := range trust {
			trust[i].Until = m.Former[fingerprint(t.Certificate)]
		}
	}
	h.trust = trust.Next(pair.Leaf.NotAfter, pair.Chain, now)
}

// accept takes over the certificate that was just issued.
func (h *issuedCertificate) accept(pair certificate.Pair, identity string, now time.Time) {
	var former time.Time
	if h.pair.Leaf != nil {
		former = h.pair.Leaf.NotAfter
	}
	h.trust = h.trust.Next(former, pair.Chain, now)
	h.pair, h.identity, h.issuedAt = pair, identity, now
	// The answer about the default issuer may be older than the certificate: it is
	// no reason to issue another one.
	h.successor = nil
	h.follows = h.defaultIssuer != nil && certinfo.Signed(h.defaultIssuer, pair.Leaf)
}

// setDefaultIssuer records the mount's default issuer, and reports whether it has
// replaced the issuer of the leaf. A role may have an issuer of its own: the default
// issuer counts only if it has signed a certificate of the role before.
func (h *issuedCertificate) setDefaultIssuer(issuer *x509.Certificate) bool {
	h.defaultIssuer, h.successor = issuer, nil
	switch {
	case h.pair.Leaf == nil:
	case certinfo.Signed(issuer, h.pair.Leaf):
		h.follows = true
	case h.follows:
		h.successor = issuer
	}
	return h.successor != nil
}

// dropFormerCAs removes former CAs that are no longer needed from the trust bundle,
// and reports whether there were any.
func (h *issuedCertificate) dropFormerCAs(now time.Time) bool {
	if until := h.trust.Until(); until.IsZero() || until.After(now) {
		return false
	}
	h.trust = h.trust.Next(h.pair.Leaf.NotAfter, h.pair.Chain, now)
	return true
}

// held returns the certificate in the form that the renewal schedule takes.
func (h *issuedCertificate) held() certificate.Held {
	held := certificate.Held{Leaf: h.pair.Leaf, Key: h.pair.Key.Public(), Identity: h.identity, IssuedAt: h.issuedAt}
	if h.successor != nil {
		held.Issuers = []*x509.Certificate{h.successor}
	}
	return held
}

// publishable reports whether there is a certificate with its key.
func (h *issuedCertificate) publishable() bool {
	return h.pair.Leaf != nil && h.pair.Key.Signer() != nil
}

// renewal returns when the certificate is due, and why.
func (m *certificateMember) renewal(host string, now time.Time) certificate.Renewal {
	return m.schedule.Next(m.spec, m.held(), host, now)
}

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}
