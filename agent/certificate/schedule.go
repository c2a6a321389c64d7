// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto/x509"
	"time"

	"github.com/certagent/certagent/certspec"
	"github.com/certagent/certagent/timewindow"
)

const (
	// twoThirds of a lifetime pass before a certificate is renewed.
	twoThirds = 2.0 / 3
	// spread is the part of a lifetime over which hosts renew that were given
	// their certificates together.
	spread = 0.1
)

// Schedule is when a certificate is renewed. The zero value is at two thirds of its
// lifetime, at any hour.
type Schedule struct {
	certspec.Renew
	Window timewindow.Window // of the day; zero for the whole day
}

// life is a certificate's lifetime as this host sees it.
type life struct{ start, end time.Time }

func (l life) length() time.Duration { return l.end.Sub(l.start) }

// lifeOf counts from the moment of issue, where it is known: certificates are
// dated back, and most of one that lives for seconds is then over before it is
// issued. By a clock that is behind, it ends as much later as it begins earlier
// than the certificate says; the host would else wait for longer than it lives.
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

// span is when a certificate may be renewed.
type span struct {
	earliest time.Time // only for the sake of a window
	wanted   time.Time // if there were no window
	latest   time.Time // for the sake of a window: then safety comes first
}

// span draws, with a number in [0,1), by how much a renewal is pulled forward: by
// up to a tenth of the lifetime, but not by more than half of the time until
// then. Before half of that time no window makes it happen, nor does it wait for
// one when half of what is left is over.
func (s Schedule) span(l life, draw float64) span {
	base := l.start.Add(part(l.length(), twoThirds))
	switch {
	case s.Before > 0 && s.Before < l.length():
		// One that is longer than the lifetime would have it renewed for ever.
		base = l.end.Add(-s.Before)
	case s.Renew.At > 0:
		base = l.start.Add(part(l.length(), s.Renew.At))
	}
	until := base.Sub(l.start)
	wanted := base.Add(-part(min(part(l.length(), spread), until/2), draw))
	return span{
		earliest: l.start.Add(until / 2),
		wanted:   wanted,
		latest:   base.Add(l.end.Sub(base) / 2),
	}
}

// part is a fraction, at most 1, of a duration.
func part(d time.Duration, fraction float64) time.Duration {
	if fraction >= 1 {
		return d
	}
	return time.Duration(float64(d) * fraction)
}

// at is when to renew, seen from now. It fits the window if the span allows it:
// in the first one after the wanted moment or, if that is too late, in the last
// one before it.
func (s Schedule) at(p span, draw float64, now time.Time) (time.Time, Reason) {
	if !s.Window.IsSet() {
		return p.wanted, DueByAge
	}
	from := p.wanted
	if now.After(from) {
		from = now // the window was missed: the next one may do as well
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
