// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"errors"
	"log/slog"
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/backoff"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// issueResult is Vault's answer to a request for a certificate.
type issueResult struct {
	member  *certificateMember
	request certificate.Request
	secret  *api.Secret
	err     error
}

// issue begins to ask Vault for a certificate. The answer comes by a channel, for
// Vault may take its time while there is something else to do.
func (b *Bundle) issue(ctx context.Context, m *certificateMember) {
	now := time.Now().Round(0)
	if until, ok := m.breaker.Allows(m.limit, now); !ok {
		m.attempts.notBefore = until
		b.log.Error(logmsg.IssueLimited,
			logkey.Certificate, m.name, logkey.Limit, m.limit, logkey.Retry, until.Sub(now).Round(time.Second))
		return
	}
	due := m.renewal(b.env.Host, now)
	level := slog.LevelInfo
	if m.attempts.failures > 0 {
		level = slog.LevelDebug
	}
	b.log.Log(ctx, level, logmsg.Issuing, logkey.Certificate, m.name, logkey.Path, m.spec.Path(),
		logkey.Reason, string(due.Reason), detail(due.Detail))
	m.asking = true
	held := m.pair.Key
	b.asks.Go(func() {
		a := issueResult{member: m}
		if a.request, a.err = certificate.NewRequest(m.spec, held); a.err == nil {
			a.secret, a.err = b.env.Store.Ask(ctx, a.request.Path, a.request.Params)
		}
		b.answers <- a
	})
}

// detail is the log's attribute for what exactly a reason is about, which not
// every reason has.
func detail(text string) slog.Attr {
	if text == "" {
		return slog.Attr{}
	}
	return slog.String(logkey.Detail, text)
}

// answered takes up what Vault has answered. What fails is asked for again, for
// ever; the pair from before stays.
func (b *Bundle) answered(ctx context.Context, a issueResult) {
	m := a.member
	m.asking = false
	if ctx.Err() != nil {
		return
	}
	now := time.Now().Round(0)
	err := a.err
	var pair certificate.Pair
	if err == nil {
		m.breaker = m.breaker.Record(now)
		pair, err = certificate.ReadAnswer(m.spec, a.request, a.secret.Data, now)
	}
	if err != nil {
		b.issueFailed(m, err, now)
		return
	}
	if m.attempts.failures > 0 {
		b.log.Info(logmsg.IssueRecovered, logkey.Certificate, m.name, logkey.Attempt, m.attempts.failures+1)
	}
	m.attempts = attempt{}
	m.accept(pair, m.spec.Identity(), now)
	b.log.Info(logmsg.Issued, logkey.Certificate, m.name, logkey.Serial, certificate.Serial(pair.Leaf), expires(pair.Leaf.NotAfter),
		logkey.Renews, m.renewal(b.env.Host, now).At)
	b.noteChange(now)
}

// issueBackoff spaces attempts to have a certificate; refusalBackoff those that
// Vault refuses, which only an operator can help.
var (
	issueBackoff   = backoff.Law{Min: 500 * time.Millisecond, Max: time.Minute}
	refusalBackoff = backoff.Law{Min: 5 * time.Second, Max: 5 * time.Minute}
)

func (b *Bundle) issueFailed(m *certificateMember, err error, now time.Time) {
	m.attempts.failures++
	m.attempts.refused = refused(err)
	b.noteError(err)
	f := backoff.Failure{Count: m.attempts.failures, Random: rand.Float64()}
	if leaf := m.pair.Leaf; leaf != nil {
		f.Life, f.Left = leaf.NotAfter.Sub(leaf.NotBefore), leaf.NotAfter.Sub(now)
	}
	pace := issueBackoff
	var failed *secrets.Error
	var refused *certificate.AnswerError
	hint := ""
	switch {
	case errors.As(err, &failed):
		f.RetryAfter = failed.RetryAfter
		hint = failed.Hint()
		if failed.Slow() {
			pace = refusalBackoff
		}
	case errors.As(err, &refused):
		pace = refusalBackoff
	}
	delay := pace.After(f)
	m.attempts.notBefore = now.Add(delay)
	attributes := []any{logkey.Certificate, m.name, logkey.Error, err, logkey.Attempt, m.attempts.failures, logkey.Retry, delay.Round(time.Millisecond)}
	if m.pair.Leaf != nil {
		attributes = append(attributes, expires(m.pair.Leaf.NotAfter))
	}
	if hint != "" {
		attributes = append(attributes, logkey.Hint, hint)
	}
	if bits.OnesCount(uint(m.attempts.failures)) == 1 { // a long outage is no reason for a long log
		b.log.Error(logmsg.IssueFailed, attributes...)
	}
	if b.env.ExitOnRetryFailure && m.attempts.failures > b.env.Retries {
		b.env.Fail(&Failure{Kind: Secrets, Err: err})
	}
}
