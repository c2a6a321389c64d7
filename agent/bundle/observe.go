// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"errors"
	"time"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/logmsg"
)

// observe brings the facts up to date.
func (b *Bundle) observe(ctx context.Context) {
	now := time.Now().Round(0)
	b.facts.Now = now
	b.facts.Stopping = ctx.Err() != nil
	b.facts.Missing = 0
	var failure error
	for _, request := range b.wanted {
		answer, err := b.secrets.Get(request)
		if err != nil {
			failure = err
		}
		switch {
		case answer == nil:
			b.facts.Missing++
		case answer.Version != b.noticed[request]:
			b.noticed[request] = answer.Version
			b.noteChange(now)
		}
	}
	b.observeCertificates(now)
	b.observeDisk(now)
	b.facts.Owed = b.facts.Owed[:0]
	for _, o := range b.seen.owed {
		b.facts.Owed = append(b.facts.Owed, plan.Owed{NotBefore: b.env.runs.when(o.run), Failed: o.attempt > 0})
	}
	b.consider(now, failure)
}

// observeCertificates looks at the renewal clock of each certificate.
func (b *Bundle) observeCertificates(now time.Time) {
	if len(b.certificates) == 0 {
		return
	}
	b.loadFromDisk(now)
	b.observeIssuers(now)
	b.facts.Certificates = b.facts.Certificates[:0]
	for _, m := range b.certificates {
		if m.dropFormerCAs(now) {
			b.noteChange(now)
		}
		b.facts.Certificates = append(b.facts.Certificates, m.facts(b.env.Host, now))
		if b.facts.Certificates[len(b.facts.Certificates)-1].Due.Before(now) && !b.facts.Fetching {
			b.facts.FreshUntil = time.Time{}
		}
	}
}

// noteChange marks the rendering as stale: something that it depends on has
// changed. The first rendering waits for nothing.
func (b *Bundle) noteChange(now time.Time) {
	b.facts.Stale = true
	b.facts.RetryRender = time.Time{}
	q := &b.facts.Quiet
	q.Last = now
	if q.First.IsZero() {
		q.First = now
	}
	if b.rendered {
		for _, m := range b.templates {
			q.Min, q.Max = max(q.Min, m.wait.Min), max(q.Max, m.wait.Max)
		}
	}
}

// consider draws the conclusions that do not lead to a step: whether the child
// may start with what is on disk, and whether to give up.
func (b *Bundle) consider(now time.Time, failure error) {
	if !b.mayStart && b.onDisk && (failure != nil || b.env.loginFailed() || now.Sub(b.bornAt) > patience) {
		b.log.Warn(logmsg.VaultSilent)
		b.passPublished()
		b.env.Progress.Ready(b.Indexes())
	}
	if failure != nil && failure != b.lastError.err { // it is met again and again
		b.noteError(failure)
	}
	var refused *secrets.Error
	if errors.As(failure, &refused) && refused.Exhausted && b.env.ExitOnRetryFailure {
		b.env.Fail(&Failure{Kind: Secrets, Err: failure})
	}
}
