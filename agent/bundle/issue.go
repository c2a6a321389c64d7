// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/certinfo"
	"github.com/certagent/certagent/certspec"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// issueResult is Vault's answer to a request for a certificate.
type issueResult struct {
	index   int // of the certificate
	request certificate.Request
	kind    certspec.KeySpec // of the key
	secret  *api.Secret
	err     error
}

// issue begins a request to Vault for a certificate. The answer comes through a
// channel, so that the bundle takes other steps meanwhile.
func (b *Bundle) issue(ctx context.Context, index int) {
	m, now := b.certificates[index], now()
	due := m.renewal(b.env.Host, now)
	if until, ok := m.breaker.Allows(m.limit, m.held(), now); !ok {
		b.hold(index, due, until, now)
		return
	}
	level := slog.LevelInfo
	if b.state.Certificates[index].Failures > 0 {
		level = slog.LevelDebug
	}
	b.log.Log(ctx, level, logmsg.Issuing, logkey.Certificate, m.name, logkey.Path, m.spec.Path(),
		logkey.Reason, string(due.Reason), detail(due.Detail))
	b.apply(plan.IssueStarted{Index: index})
	held, kind, last := m.pair.Key, m.keyKind(), m.clock
	b.asks.Go(func() { b.answers <- b.ask(ctx, index, m, kind, held, last) })
}

// hold keeps a certificate that was issued too often from being requested.
func (b *Bundle) hold(index int, due certificate.Renewal, until, now time.Time) {
	m := b.certificates[index]
	b.apply(plan.IssueHeld{Index: index, Until: until})
	attributes := []any{logkey.Certificate, m.name, logkey.Limit, cmp.Or(m.limit, certificate.DefaultIssuesPerHour),
		logkey.Reason, string(due.Reason), detail(due.Detail), logkey.Until, until.UTC(), logkey.Retry, until.Sub(now).Round(time.Millisecond)}
	if m.pair.Leaf != nil {
		attributes = append(attributes, expires(m.pair.Leaf.NotAfter))
	}
	b.log.Error(logmsg.IssueLimited, attributes...)
}

// count records that a certificate was issued, which is renewed at a time by its
// schedule; zero if the answer was refused. What counts is recorded on disk at once: a
// restart does not forget it.
func (b *Bundle) count(ctx context.Context, m *certificateMember, renews, now time.Time) {
	before := len(m.breaker.Issued)
	m.breaker = m.breaker.Record(now, renews)
	if renews.IsZero() || len(m.breaker.Issued) > before {
		b.saveBreakers(ctx)
	}
}

// saveBreakers records how often the certificates were issued, beside what is
// published.
func (b *Bundle) saveBreakers(ctx context.Context) {
	if len(b.certificates) == 0 || b.published.record.Name == "" {
		return
	}
	b.apply(plan.Counted{Certificates: b.withBreakers(b.state.Published.Origin.Certificates)})
	b.save(ctx)
}

// detail returns the log's attribute for the detail of a reason; none if text is
// empty.
func detail(text string) slog.Attr {
	if text == "" {
		return slog.Attr{}
	}
	return slog.String(logkey.Detail, text)
}

// answered processes the answer to a request for a certificate. A request that
// failed is repeated without limit; the bundle keeps the certificate that it has.
func (b *Bundle) answered(ctx context.Context, a issueResult) {
	if ctx.Err() != nil {
		b.apply(plan.IssueAbandoned{Index: a.index})
		return
	}
	m, now := b.certificates[a.index], now()
	b.noteKind(m, a.kind)
	err := a.err
	var pair certificate.Pair
	if err == nil {
		if pair, err = certificate.ReadAnswer(m.spec, a.request, a.secret.Data, now); err != nil {
			b.count(ctx, m, time.Time{}, now)
			m.clock = b.clockRefusal(a, err, now)
		}
	}
	if err != nil {
		b.issueFailed(a.index, err, now)
		return
	}
	if failures := b.state.Certificates[a.index].Failures; failures > 0 {
		b.log.Info(logmsg.IssueRecovered, logkey.Certificate, m.name, logkey.Attempt, failures+1)
	}
	m.clock, m.failure = nil, issueFailure{}
	m.accept(pair, m.spec.Identity(), now)
	renewal := m.renewal(b.env.Host, now)
	renews := renewal.At
	b.count(ctx, m, renewal.Scheduled(), now)
	b.apply(plan.Issued{Index: a.index, Now: now, Due: renews})
	b.tellLifetime(ctx, m, a.secret.Warnings, renews, now)
	b.log.Info(logmsg.Issued, logkey.Certificate, m.name, logkey.Serial, certinfo.Serial(pair.Leaf), expires(pair.Leaf.NotAfter),
		logkey.Renews, renews)
}

// issueFailed holds the next request back, and logs the failure.
func (b *Bundle) issueFailed(index int, err error, now time.Time) {
	b.noteError(plan.Issue, err)
	leaf := b.certificates[index].pair.Leaf
	e := plan.IssueFailed{Index: index, Failure: failure(), Refused: refused(err)}
	e.Now = now
	if leaf != nil {
		e.Life, e.Left = leaf.NotAfter.Sub(leaf.NotBefore), leaf.NotAfter.Sub(now)
	}
	var failed *secrets.Error
	var answer *certificate.AnswerError
	hint := ""
	switch {
	case errors.As(err, &failed):
		e.RetryAfter, e.Slow = failed.RetryAfter, failed.Slow()
		hint = cmp.Or(certificate.Hint(b.certificates[index].spec, failed.Error()), failed.Hint())
	case b.certificates[index].clock != nil:
		hint = certinfo.SkewHint(b.certificates[index].clock.skew)
	case errors.As(err, &answer):
		e.Slow = true
	}
	b.apply(e)
	c := b.state.Certificates[index]
	logged, leftOut := logmsg.Repeat(c.Failures)
	attributes := []any{logkey.Certificate, b.certificates[index].name, logkey.Error, err, logkey.Attempt, c.Failures,
		logkey.LeftOutCount(leftOut), logkey.Retry, c.NotBefore.Sub(now).Round(time.Millisecond)}
	if leaf != nil {
		attributes = append(attributes, expires(leaf.NotAfter))
	}
	if hint != "" {
		attributes = append(attributes, logkey.Hint, hint)
	}
	b.certificates[index].failure = b.certificates[index].failure.next(err, c.Failures, b.env.Store)
	level := slog.LevelError
	if b.certificates[index].failure.passes(e.Left) {
		level = slog.LevelWarn
	}
	if logged {
		b.log.Log(context.Background(), level, logmsg.IssueFailed, attributes...)
	}
	b.giveUp()
}

// issueFailure is why a certificate cannot be had, since when, and for how long that is
// borne with exit_on_retry_failure. The zero value is no failure.
type issueFailure struct {
	err      error
	since    time.Time // with the monotonic clock
	patience time.Duration
}

// next returns the failure after another one, which is the count-th in a row.
func (f issueFailure) next(err error, count int, store *secrets.Store) issueFailure {
	class := secrets.Refused
	if failed := (*secrets.Error)(nil); errors.As(err, &failed) {
		class = failed.Class
	}
	since := f.since
	if count == 1 {
		since = time.Now()
	}
	return issueFailure{err, since, store.Patience(class)}
}

// passes reports whether the failure may pass by itself and threatens nothing yet, with
// what is left of the lifetime of the certificate that there is; 0 if there is none. It
// does once it has lasted for as long as Vault Agent would retry, or half of what was
// left when the failures began is over.
func (f issueFailure) passes(left time.Duration) bool {
	var failed *secrets.Error
	lasted := time.Since(f.since)
	return errors.As(f.err, &failed) && failed.Temporary() && lasted < f.patience && (left == 0 || left > lasted)
}

// giveUp ends the agent if exit_on_retry_failure is set and a certificate could not be
// had for too long.
func (b *Bundle) giveUp() {
	if !b.env.ExitOnRetryFailure {
		return
	}
	for _, m := range b.certificates {
		if m.failure.err != nil && time.Since(m.failure.since) >= m.failure.patience {
			b.env.Fail(&Failure{Kind: Secrets, Err: m.failure.err})
		}
	}
}
