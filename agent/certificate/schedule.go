// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto/x509"
	"time"

	"github.com/certagent/certagent/certspec"
	"github.com/certagent/certagent/jitter"
	"github.com/certagent/certagent/timewindow"
)

const (
	// twoThirds is the default fraction of a lifetime after which a certificate is
	// renewed.
	twoThirds = 2.0 / 3
	// spread is the fraction of a lifetime over which renewals are spread, for hosts
	// whose certificates were issued at the same time.
	spread = 0.1
)

// Schedule specifies when a certificate is renewed. The zero value is at two thirds of
// its lifetime, at any time of the day.
type Schedule struct {
	certspec.Renew
	Window timewindow.Window // of the day; zero for the whole day
}

// life is a certificate's lifetime as this host sees it.
type life struct{ start, end time.Time }

func (l life) length() time.Duration { return l.end.Sub(l.start) }

// lifeOf returns the lifetime, counted from the time of issuance if it is known:
// Vault dates certificates back by 30 s, which is most of a lifetime of seconds. If the
// clock of the host is behind, the certificate was issued before its NotBefore; then
// the whole lifetime is moved back, or the host would renew too late.
func lifeOf(c *x509.Certificate, issued time.Time) life {
	l := life{c.NotBefore, c.NotAfter}
	switch {
	case issued.IsZero() || !issued.Before(c.NotAfter):
	case issued.Before(c.NotBefore):
		l.start, l.end = issued, issued.Add(l.length())
	default:
		l.start = issued
	}
	return l
}

// span is the range of times at which a certificate may be renewed.
type span struct {
	earliest time.Time // for the sake of a window
	wanted   time.Time // without a window
	latest   time.Time // for the sake of a window
}

// span returns when the certificate may be renewed. draw, in [0,1), moves the renewal
// forward by up to a tenth of the lifetime, but by no more than half of the time until
// then. For a window, the renewal moves forward to no earlier than half of that time,
// and back to no later than half of the remaining lifetime.
func (s Schedule) span(l life, draw float64) span {
	base := l.start.Add(jitter.Part(l.length(), twoThirds))
	switch {
	case s.Before > 0 && s.Before < l.length():
		// If it were longer than the lifetime, the certificate would be renewed continuously.
		base = l.end.Add(-s.Before)
	case s.Renew.At > 0:
		base = l.start.Add(jitter.Part(l.length(), s.Renew.At))
	}
	until := base.Sub(l.start)
	wanted := base.Add(-jitter.Part(min(jitter.Part(l.length(), spread), until/2), draw))
	return span{
		earliest: l.start.Add(until / 2),
		wanted:   wanted,
		latest:   base.Add(l.end.Sub(base) / 2),
	}
}

// at returns when to renew, as of now. If the span allows it, that is in a window: in
// the first one after the wanted time or, if that is too late, in the last one before.
func (s Schedule) at(p span, draw float64, now time.Time) (time.Time, Reason) {
	if !s.Window.IsSet() {
		return p.wanted, DueByAge
	}
	from := p.wanted
	if now.After(from) {
		from = now // the window was missed: try the next one
	}
	if at := s.Window.Next(from, draw); !at.After(p.latest) {
		return at, DueInWindow
	}
	if now.After(p.wanted) {
		return p.latest, DueForSafety
	}
	if at, ok := s.Window.Last(p.earliest, p.wanted, draw); ok {
		if at.Before(now) {
			at = s.Window.Next(now, draw)
		}
		if at.Before(p.wanted) {
			return at, DueInWindow
		}
	}
	return p.wanted, DueForSafety
}
