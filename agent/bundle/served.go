// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/probe"
)

// unverifiable looks again later for what is no fault of the server.
func (b *Bundle) unverifiable(err error) {
	b.proof.looks++
	delay := slowBackoff.Delay(b.proof.looks, rand.Float64())
	b.lookAgain(delay)
	b.noteError(err)
	b.log.Error(logmsg.ProbeFailed, logkey.Error, err, logkey.Attempt, b.proof.looks, logkey.Retry, delay.Round(time.Millisecond))
}

// servedOld has the change made again, or the fallback in its place.
func (b *Bundle) servedOld(ctx context.Context, leaf *x509.Certificate, report probe.Report) {
	b.proof.timesOld++
	b.proof.absent = false
	b.noteError(errServedOld)
	delay := slowBackoff.Delay(b.proof.timesOld, rand.Float64())
	again := time.Now().Round(0).Add(delay)
	remedy := plan.Remedied(b.proof.timesOld, b.reactions[0].key != "", b.fallback != nil)
	for _, t := range report.Targets {
		if t.Outcome == probe.ServedOld {
			b.log.Error(logmsg.ServedOld, logkey.Outcome, report.Outcome.String(), logkey.Address, t.Address,
				logkey.Served, certificate.Serial(t.Served), logkey.Serial, certificate.Serial(leaf), logkey.Remedy, remedy.String(),
				logkey.Attempt, b.proof.timesOld, logkey.Retry, delay.Round(time.Millisecond))
		}
	}
	b.lookAgain(delay)
	switch {
	case remedy == plan.ChangeAgain && len(b.seen.owed) == 0: // else it is owed still
		b.seen.owed = []owed{b.newOwed(b.reactions[0], again)}
		b.save(ctx)
	case remedy == plan.FallBack && !b.owes(b.fallback):
		b.seen.owed = []owed{b.newOwed(b.fallback, again)}
		b.save(ctx)
	}
	if b.env.ExitOnRetryFailure && b.proof.timesOld > b.env.Retries {
		b.env.Fail(&Failure{Kind: Change, Err: errServedOld})
	}
}

var errServedOld = errors.New("another certificate is being served than the published one")

// unreachable looks again later: a server that does not run reads the new files
// when it starts.
func (b *Bundle) unreachable(report probe.Report) {
	b.proof.looks++
	delay := slowBackoff.Delay(b.proof.looks, rand.Float64())
	b.lookAgain(delay)
	for _, t := range report.Targets {
		if t.Outcome == probe.Unreachable && (!b.proof.absent || b.proof.looks%10 == 0) {
			b.log.Warn(logmsg.Unreachable, logkey.Outcome, report.Outcome.String(), logkey.Address, t.Address,
				logkey.Error, t.Err, logkey.Retry, delay.Round(time.Millisecond))
		}
	}
	b.proof.absent = true
}

// targetAbsent takes it that who does not run serves nothing, and looks whether
// that is so when there is time.
func (b *Bundle) targetAbsent() {
	if b.facts.Unverified {
		b.proof.absent = true
		b.lookAgain(slowBackoff.Min)
	}
}

func (b *Bundle) owes(r *reaction) bool {
	return slices.ContainsFunc(b.seen.owed, func(o owed) bool { return o.key == r.key })
}

func (b *Bundle) lookAgain(delay time.Duration) {
	b.facts.RetryVerify = time.Now().Round(0).Add(delay)
}
