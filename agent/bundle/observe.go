// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// observe brings the state up to date.
func (b *Bundle) observe(ctx context.Context) {
	now := now()
	if ctx.Err() != nil {
		b.apply(plan.Stopping{})
	}
	if by := b.state.ObservedAt.Sub(now); by > 0 { // the clock was set back
		for _, m := range b.certificates {
			m.breaker = m.breaker.SetBack(by)
		}
	}
	if b.state.ObservedAt.Sub(now) > time.Second { // less than that mends no clock
		b.clockSetBack(now)
	}
	seen := plan.Observed{Now: now, Scheduled: make(map[uint64]time.Time, len(b.runs))}
	var failure error
	for _, request := range b.wanted {
		answer, err := b.secrets.Get(request)
		if err != nil {
			failure = err
			seen.SecretFails = seen.SecretFails || answer == nil || answer.Serial != ""
		}
		switch {
		case answer == nil:
			seen.Missing++
		case answer.Version != b.noticed[request]:
			b.noticed[request] = answer.Version
			b.apply(plan.SecretsChanged{Now: now})
		}
	}
	seen.Certificates = b.observeCertificates(now)
	b.observeServed(now)
	b.observeDisk(now)
	for _, p := range b.state.Published.Pending {
		if p.Absent == 0 && p.Held == 0 { // or it looks at its target at a pace of its own
			seen.Scheduled[p.Ticket] = b.env.runs.when(b.runs[p.Ticket])
		}
	}
	seen.LoggedOut = b.env.LoginError() != ""
	seen.VaultFailed = failure != nil || b.env.loginFailed()
	waited := !b.state.Readiness.FromDisk
	if b.apply(seen); waited && b.state.Readiness.FromDisk {
		b.logFromDisk(failure)
	}
	b.noteSecretFailure(failure)
}

// errNothingPublished is why the files on disk are used if nothing has failed.
var errNothingPublished = errors.New("nothing was published yet")

// logFromDisk says why the valid files on disk are used. Vault is silent only if it was
// asked and did not answer.
func (b *Bundle) logFromDisk(failure error) {
	ends := b.state.Published.Origin.Expires
	if failure == nil && b.lastError.err != nil {
		failure = b.lastError.err
	}
	var failed *secrets.Error
	silent := errors.As(failure, &failed) && failed.Status == 0 && failed.Class == secrets.Transient
	asked := slices.ContainsFunc(b.state.Certificates, func(c plan.Issuance) bool { return c.Asking }) || b.state.Fetching && b.state.Missing > 0
	switch login := b.env.LoginError(); {
	case login != "":
		b.log.Warn(logmsg.NotLoggedIn, expires(ends), logkey.Because, login)
	case silent || failure == nil && asked:
		b.log.Warn(logmsg.VaultSilent, expires(ends))
	default:
		if failure == nil {
			failure = errNothingPublished
		}
		b.log.Warn(logmsg.FilesUsed, expires(ends), logkey.Because, failure)
	}
}

// observeCertificates returns when the bundle's certificates are due.
func (b *Bundle) observeCertificates(now time.Time) []plan.Clock {
	if len(b.certificates) == 0 {
		return nil
	}
	b.loadFromDisk(b.state.Published.Origin.Certificates, now)
	b.observeIssuers(now)
	b.giveUp()
	clocks := make([]plan.Clock, len(b.certificates))
	for i, m := range b.certificates {
		if m.dropFormerCAs(now) {
			b.apply(plan.SecretsChanged{Now: now})
		}
		ended := m.ended(now)
		clocks[i] = plan.Clock{Absent: !m.publishable() || ended && !b.isPublished(m.pair.Leaf), Ended: ended, Due: now.Add(recheck)}
		if b.state.Certificates[i].Loaded { // before that, the files on disk cannot be read
			clocks[i].Due = m.renewal(b.env.Host, now).At
		}
	}
	return clocks
}

// noteSecretFailure notes that a secret cannot be read. It ends the agent if that is
// configured and has failed too often.
func (b *Bundle) noteSecretFailure(failure error) {
	if failure != nil && failure != b.lastError.err { // it is met again and again
		b.noteError(plan.Fetch, failure)
	}
	var refused *secrets.Error
	if errors.As(failure, &refused) && refused.Exhausted && b.env.ExitOnRetryFailure {
		b.env.Fail(&Failure{Kind: Secrets, Err: failure})
	}
}
