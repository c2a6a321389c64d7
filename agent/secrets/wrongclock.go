// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"net/http"
	"time"

	"github.com/certagent/certagent/backoff"
	"github.com/certagent/certagent/certinfo"
	"github.com/certagent/certagent/vaultreq"
)

// Clock tells by how much Vault's clock is ahead of this host's, as far as the latest
// answer tells; negative if it is behind, zero if the clocks may be equal.
type Clock interface {
	Skew() (skew time.Duration, known bool)
}

// Skew returns by how much Vault's clock is ahead of this host's, see Clock. Any
// goroutine may call it.
func (s *Store) Skew() (skew time.Duration, known bool) {
	if s.config.Clock == nil {
		return 0, false
	}
	return s.config.Clock.Skew()
}

// MeasureSkew is Skew after a request that issues nothing and needs no token. It does
// nothing if nobody tells the time (Config.Clock).
func (s *Store) MeasureSkew(ctx context.Context) (skew time.Duration, known bool) {
	if s.config.Clock == nil {
		return 0, false
	}
	// Whatever the answer is, it has the time. Vault has health in its root namespace
	// only, and answers for a sealed or a standby node by an error status.
	_, _ = s.vault.ask(ctx, question{method: http.MethodGet, path: "sys/health", unwrapped: true})
	return s.Skew()
}

// CheckClock returns an error if Vault's clock and this host's still differ so much that
// another certificate would look as if it was not valid. It makes a request that issues
// nothing.
func (s *Store) CheckClock(ctx context.Context, path string, w certinfo.WrongClock) error {
	if err := s.checkClock(ctx, w); err != nil {
		err.Request, err.Failures = vaultreq.Request{Kind: vaultreq.Certificate, Path: path}, 1
		return err
	}
	return nil
}

func (s *Store) checkClock(ctx context.Context, w certinfo.WrongClock) *Error {
	if w == (certinfo.WrongClock{}) {
		return nil
	}
	skew, known := s.MeasureSkew(ctx)
	if !known || !w.Explains(skew) {
		return nil
	}
	return &Error{Class: WrongClock, cause: clockError{skew}, skew: skew}
}

// clockError is why no certificate is requested.
type clockError struct{ skew time.Duration }

func (e clockError) Error() string {
	return certinfo.SkewText(e.skew) + ", so the next certificate would not be valid here either: none is requested"
}

// useless reports whether an answer is of no use, so that the next request is not due by
// the lifetime of this one: it has a certificate that has ended already, or a password
// that Vault will rotate at once again and again.
func useless(r result) bool {
	if r.act != ask {
		return false
	}
	if r.window.present() {
		return r.window.lifetime() <= 0 || !r.window.notAfter.After(r.asked)
	}
	data := r.answer.Secret.Data
	ttl, ok := number(data["ttl"])
	return ok && ttl <= 0 && data["rotation_period"] != nil
}

// notYet reports whether an answer has a certificate that is not valid yet.
func notYet(r result) bool {
	return r.act == ask && r.window.present() && r.window.notBefore.After(r.asked.Add(certinfo.Tolerance))
}

// uselessBackoff spaces requests whose answers are of no use. The configured back-off may
// be short; each of these requests leaves a certificate behind in Vault.
var uselessBackoff = backoff.Law{Min: 250 * time.Millisecond, Max: time.Minute}

// judge notes whether an answer is of use, and holds the next request back if it is not.
func (l *loop) judge(e *entry, r result, d deadline) deadline {
	e.wrongClock, e.window = certinfo.WrongClock{}, r.window
	if e.doubtful = useless(r) || notYet(r); e.doubtful && r.window.present() {
		if skew, known := l.Skew(); known {
			e.wrongClock, _ = certinfo.NewWrongClock(r.window.notBefore, r.window.notAfter, r.asked, skew)
		}
	}
	if !useless(r) {
		e.useless = 0
		if e.wrongClock != (certinfo.WrongClock{}) { // look at the clocks again soon: Vault's may be the wrong one
			if soon := l.now.wall.Add(l.backoff.After(backoff.Failure{Count: 1, Slow: true, Random: l.random()})); d.at.After(soon) {
				d.at, d.absolute = soon, false
			}
		}
		return d
	}
	e.useless++
	wait := uselessBackoff.After(backoff.Failure{Count: e.useless, Slow: r.window.present(), Random: l.random()})
	if earliest := l.now.wall.Add(wait); d.at.Before(earliest) {
		d.at, d.absolute = earliest, false
	}
	return d
}

// reconsider takes a doubtful answer for a good one if it is valid by now, because a
// clock was set. It reports whether the next request is not due after all.
func (l *loop) reconsider(e *entry) bool {
	w := e.window
	if !e.doubtful || e.answer == nil || !w.present() || w.lifetime() <= 0 ||
		w.notBefore.After(l.now.wall.Add(certinfo.Tolerance)) || !w.notAfter.After(l.now.wall) {
		return false
	}
	d := next(facts{
		kind: e.request.Kind, secret: e.answer.Secret, window: w, asked: l.now.wall,
		draw: draw(l.config.Seed, e.request, e.answer.Serial),
	}, l.policy)
	answer := *e.answer
	answer.RenewAt, answer.ExpiresAt = d.at, d.expires
	l.report.recovered(e)
	e.doubtful, e.useless, e.wrongClock = false, 0, certinfo.WrongClock{}
	e.answer, e.err = &answer, nil
	e.deadline, e.distance = d, d.at.Sub(l.now.wall)
	l.schedule(e, d.at)
	l.publish(e, true)
	return true
}
