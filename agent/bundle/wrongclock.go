// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"errors"
	"time"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/certinfo"
	"github.com/certagent/certagent/certspec"
)

// clockRefusal is an answer with a certificate that was not valid when it came, because
// this host's clock and Vault's differ.
type clockRefusal struct {
	clock               certinfo.WrongClock
	skew                time.Duration // of Vault's clock
	answer              issueResult
	notBefore, notAfter time.Time
}

// validAt reports whether the certificate is valid at a time.
func (r *clockRefusal) validAt(t time.Time) bool {
	return !r.notBefore.After(t.Add(certinfo.Tolerance)) && r.notAfter.After(t)
}

// clockRefusal returns whether the clocks are why an answer was refused; nil if they are
// not.
func (b *Bundle) clockRefusal(a issueResult, err error, now time.Time) *clockRefusal {
	var refusal *certificate.AnswerError
	if !errors.As(err, &refusal) || refusal.Refusal != certificate.NotValid {
		return nil
	}
	pair, err := certificate.Parse(a.secret.Data)
	skew, known := b.env.Store.Skew()
	if err != nil || !known {
		return nil
	}
	clock, explained := certinfo.NewWrongClock(pair.Leaf.NotBefore, pair.Leaf.NotAfter, now, skew)
	if !explained {
		return nil
	}
	return &clockRefusal{clock, skew, a, pair.Leaf.NotBefore, pair.Leaf.NotAfter}
}

// ask requests a certificate. While the clocks are the reason that the last one was
// refused, it does not: another one would be refused, too. Once they are right, the last
// one is taken if it is valid.
func (b *Bundle) ask(ctx context.Context, index int, m *certificateMember, kind certspec.KeySpec, held certificate.PrivateKey, last *clockRefusal) issueResult {
	a := issueResult{index: index}
	if last != nil {
		if a.err = b.env.Store.CheckClock(ctx, m.spec.Path(), last.clock); a.err != nil {
			return a
		}
		if last.validAt(now()) {
			return last.answer
		}
	}
	b.request(ctx, &a, m.spec, kind, held)
	return a
}

// clockSetBack lets what was held back for the clock go on at once.
func (b *Bundle) clockSetBack(now time.Time) {
	for i, m := range b.certificates {
		if m.clock != nil && !b.state.Certificates[i].Asking {
			b.apply(plan.IssueHeld{Index: i, Until: now})
		}
	}
}
