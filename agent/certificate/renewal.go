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

	"github.com/certagent/certagent/certspec"
)

// Held is what there is on disk of a certificate.
type Held struct {
	Leaf *x509.Certificate // nil for none
	// Key is the public part of the private key beside it, nil for none.
	Key crypto.PublicKey
	// Identity is that of the spec by which it was issued, "" if that has been
	// lost. It was issued by another spec if it differs.
	Identity string
	// IssuedAt is when it was issued by this host's clock; zero if that has been
	// lost. Its lifetime then counts from its NotBefore.
	IssuedAt time.Time
	// Issuers are the certificates of the issuer that would sign it today; nil if
	// that is not known.
	Issuers []*x509.Certificate
}

// Reason is why a certificate is due.
type Reason string

// The reasons. The last three are those of the schedule: the others do not wait.
const (
	Absent        Reason = "there is none"
	KeyAbsent     Reason = "its private key is missing or another's"
	Ended         Reason = "it has expired"
	NamesChanged  Reason = "its names are not those asked for"
	KeyChanged    Reason = "its key is not of the kind asked for"
	AskChanged    Reason = "something else is asked for"
	IssuerChanged Reason = "the issuer has changed"
	DueByAge      Reason = "it has reached its age of renewal"
	DueInWindow   Reason = "it is due, and the window is open"
	DueForSafety  Reason = "it is due, and no window opens in time"
)

// Renewal is when to ask for a certificate, and why.
type Renewal struct {
	At     time.Time
	Reason Reason
	Detail string // such as the names that are missing; may be empty
}

// Due says whether it is time. Times are to be compared by the wall clock, and
// again every now and then: timers stand still while a machine is suspended.
func (r Renewal) Due(now time.Time) bool { return !r.At.After(now) }

// Next is the renewal clock. What is missing, expired or not what is asked for
// is due now, whatever the window; all else by the schedule. host is whatever
// tells hosts apart.
func (s Schedule) Next(spec certspec.Spec, h Held, host string, now time.Time) Renewal {
	now = now.Round(0)
	if reason, detail := outdated(spec, h, now); reason != "" {
		return Renewal{At: now, Reason: reason, Detail: detail}
	}
	draw := draw(host, h.Leaf)
	at, reason := s.at(s.span(lifeOf(h.Leaf, h.IssuedAt), draw), draw, now)
	return Renewal{At: at, Reason: reason}
}

// outdated is why a certificate must be replaced at once; "" for none.
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
	if h.Issuers != nil && !slices.ContainsFunc(h.Issuers, func(c *x509.Certificate) bool { return Signed(c, h.Leaf) }) {
		return IssuerChanged, "from " + h.Leaf.Issuer.String()
	}
	return "", ""
}

// draw gives the number in [0,1) that decides where in its spread a certificate
// is renewed. Hosts differ, and so does each new certificate on a host; a restart
// draws the same again.
func draw(host string, c *x509.Certificate) float64 {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(host))))
	h.Write([]byte(host))
	h.Write(c.SerialNumber.Bytes())
	return float64(binary.BigEndian.Uint64(h.Sum(nil))>>11) / (1 << 53)
}
