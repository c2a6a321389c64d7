// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/certinfo"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// issueResult is Vault's answer to a request for a certificate.
type issueResult struct {
	index   int // of the certificate
	request certificate.Request
	secret  *api.Secret
	err     error
}

// issue begins a request to Vault for a certificate. The answer comes through a
// channel, so that the bundle takes other steps meanwhile.
func (b *Bundle) issue(ctx context.Context, index int) {
	m, now := b.certificates[index], now()
	if until, ok := m.breaker.Allows(m.limit, now); !ok {
		b.apply(plan.IssueHeld{Index: index, Until: until})
		b.log.Error(logmsg.IssueLimited,
			logkey.Certificate, m.name, logkey.Limit, m.limit, logkey.Retry, until.Sub(now).Round(time.Second))
		return
	}
	due := m.renewal(b.env.Host, now)
	level := slog.LevelInfo
	if b.state.Certificates[index].Failures > 0 {
		level = slog.LevelDebug
	}
	b.log.Log(ctx, level, logmsg.Issuing, logkey.Certificate, m.name, logkey.Path, m.spec.Path(),
		logkey.Reason, string(due.Reason), detail(due.Detail))
	b.apply(plan.IssueStarted{Index: index})
	held := m.pair.Key
	b.asks.Go(func() {
		a := issueResult{index: index}
		if a.request, a.err = certificate.NewRequest(m.spec, held); a.err == nil {
			a.secret, a.err = b.env.Store.Ask(ctx, a.request.Path, a.request.Params)
		}
		b.answers <- a
	})
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
	err := a.err
	var pair certificate.Pair
	if err == nil {
		m.breaker = m.breaker.Record(now)
		pair, err = certificate.ReadAnswer(m.spec, a.request, a.secret.Data, now)
	}
	if err != nil {
		b.issueFailed(a.index, err, now)
		return
	}
	if failures := b.state.Certificates[a.index].Failures; failures > 0 {
		b.log.Info(logmsg.IssueRecovered, logkey.Certificate, m.name, logkey.Attempt, failures+1)
	}
	m.accept(pair, m.spec.Identity(), now)
	renews := m.renewal(b.env.Host, now).At
	b.apply(plan.Issued{Index: a.index, Now: now, Due: renews})
	b.log.Info(logmsg.Issued, logkey.Certificate, m.name, logkey.Serial, certinfo.Serial(pair.Leaf), expires(pair.Leaf.NotAfter),
		logkey.Renews, renews)
}

// issueFailed holds the next request back, and logs the failure.
func (b *Bundle) issueFailed(index int, err error, now time.Time) {
	b.noteError(err)
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
		hint = failed.Hint()
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
	if logged {
		b.log.Error(logmsg.IssueFailed, attributes...)
	}
	if b.env.ExitOnRetryFailure && c.Failures > b.env.Retries {
		b.env.Fail(&Failure{Kind: Secrets, Err: err})
	}
}
