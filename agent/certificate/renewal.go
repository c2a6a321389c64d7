// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"slices"
	"time"

	"github.com/certagent/certagent/certinfo"
	"github.com/certagent/certagent/certspec"
	"github.com/certagent/certagent/jitter"
)

// Held describes the certificate on disk.
type Held struct {
	Leaf *x509.Certificate // nil if there is none
	// Key is the public part of the private key on disk; nil if there is none.
	Key crypto.PublicKey
	// Identity is the identity of the specification that it was issued for; "" if
	// unknown.
	Identity string
	// IssuedAt is when it was issued by this host's clock; zero if unknown. Its
	// lifetime then counts from its NotBefore.
	IssuedAt time.Time
	// Issuers are the certificates of the issuer that would sign a certificate now;
	// nil if unknown.
	Issuers []*x509.Certificate
}

// Reason is why a certificate is renewed.
type Reason string

// The reasons. The last three are those of the schedule; for the others, the
// certificate is renewed at once.
const (
	Absent        Reason = "no certificate on disk"
	KeyAbsent     Reason = "the private key is missing or does not match"
	Ended         Reason = "the certificate has expired"
	NamesChanged  Reason = "configured names are missing"
	KeyChanged    Reason = "the key is not of the configured type"
	AskChanged    Reason = "the configuration has changed"
	IssuerChanged Reason = "the issuer has changed"
	DueByAge      Reason = "due by age"
	DueInWindow   Reason = "due, in the window"
	DueForSafety  Reason = "due, and no window opens in time"
)

// Renewal is when a certificate is renewed, and why.
type Renewal struct {
	At     time.Time
	Reason Reason
	Detail string // such as the missing names; may be empty
}

// Scheduled returns when the certificate is renewed by its schedule; zero if it is
// renewed at once for another reason.
func (r Renewal) Scheduled() time.Time {
	if r.Reason == DueByAge || r.Reason == DueInWindow || r.Reason == DueForSafety {
		return r.At
	}
	return time.Time{}
}

// Due reports whether it is time. Callers must use the wall clock and check again
// periodically, because timers do not run while a machine is suspended.
func (r Renewal) Due(now time.Time) bool { return !r.At.After(now) }

// Next returns the next renewal. A certificate that is missing, expired or not as
// specified is due now, whatever the window; any other by the schedule. host
// identifies the host, so that hosts renew at different times.
func (s Schedule) Next(spec certspec.Spec, h Held, host string, now time.Time) Renewal {
	now = now.Round(0)
	if reason, detail := outdated(spec, h, now); reason != "" {
		return Renewal{At: now, Reason: reason, Detail: detail}
	}
	draw := draw(host, h.Leaf)
	at, reason := s.at(s.span(lifeOf(h.Leaf, h.IssuedAt), draw), draw, now)
	return Renewal{At: at, Reason: reason}
}

// outdated returns why a certificate must be renewed at once; "" if it need not be.
func outdated(s certspec.Spec, h Held, now time.Time) (Reason, string) {
	if h.Leaf == nil {
		return Absent, ""
	}
	if !same(h.Key, h.Leaf.PublicKey) {
		return KeyAbsent, ""
	}
	if !now.Before(h.Leaf.NotAfter) {
		return Ended, "at " + h.Leaf.NotAfter.UTC().Format(time.RFC3339)
	}
	if err := checkNames(s, h.Leaf); err != nil {
		return NamesChanged, err.Error()
	}
	if err := checkKey(s.Key, h.Leaf.PublicKey); err != nil {
		return KeyChanged, err.Error()
	}
	if h.Identity != "" && h.Identity != s.Identity() {
		return AskChanged, ""
	}
	if h.Issuers != nil && !slices.ContainsFunc(h.Issuers, func(c *x509.Certificate) bool { return certinfo.Signed(c, h.Leaf) }) {
		return IssuerChanged, "from " + h.Leaf.Issuer.String()
	}
	return "", ""
}

// draw returns the number in [0,1) that decides where in its spread a certificate is
// renewed. It differs between hosts and certificates, and is the same after a restart.
func draw(host string, c *x509.Certificate) float64 {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(host))))
	h.Write([]byte(host))
	h.Write(c.SerialNumber.Bytes())
	return jitter.Draw(h.Sum(nil))
}
