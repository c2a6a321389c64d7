// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/probe"
)

// proves says whether it is to be proven that the certificate is served.
func (b *bundle) proves() bool { return b.block != nil && b.block.Verify != nil }

// verify finds out whether the published certificate is being served.
func (b *bundle) verify(ctx context.Context) {
	leaf := b.leafToServe()
	report, err := b.probe(ctx, leaf)
	switch {
	case ctx.Err() != nil:
		return // the next start verifies
	case err != nil:
		b.looks++
		b.lookAgain(slowBackoff.Delay(b.looks, rand.Float64()))
		b.log.Error("it cannot be verified what is being served", logkey.Error, err, logkey.Attempt, b.looks)
	case report.Outcome == probe.Verified:
		b.verified(leaf, report)
	case report.Outcome == probe.ServedOld:
		b.servedOld(ctx, leaf, report)
	default:
		b.unreachable(report)
	}
	b.pass()
}

func (b *bundle) verified(leaf *x509.Certificate, report probe.Report) {
	handshakes := 0
	for _, t := range report.Targets {
		handshakes += t.Handshakes
	}
	b.facts.Unverified, b.absent = false, false
	b.timesOld, b.looks = 0, 0
	b.log.Info("verified: the certificate is being served", logkey.Outcome, report.Outcome.String(),
		logkey.Serial, certificate.Serial(leaf), logkey.Handshakes, handshakes)
}

// servedOld has the change made again, or the fallback in its place.
func (b *bundle) servedOld(ctx context.Context, leaf *x509.Certificate, report probe.Report) {
	b.timesOld++
	b.absent = false
	delay := slowBackoff.Delay(b.timesOld, rand.Float64())
	again := time.Now().Round(0).Add(delay)
	remedy := plan.Remedied(b.timesOld, b.reactions[0].key != "", b.fallback != nil)
	for _, t := range report.Targets {
		if t.Outcome == probe.ServedOld {
			b.log.Error("another certificate is being served than the published one", logkey.Outcome, report.Outcome.String(), logkey.Address, t.Address,
				logkey.Served, certificate.Serial(t.Served), logkey.Serial, certificate.Serial(leaf), logkey.Remedy, remedy.String(),
				logkey.Attempt, b.timesOld, logkey.Retry, delay.Round(time.Millisecond))
		}
	}
	switch remedy {
	case plan.ChangeAgain:
		b.seen.owed = []owed{b.newOwed(b.reactions[0], again)}
		b.save(ctx)
	case plan.FallBack:
		b.seen.owed = []owed{b.newOwed(b.fallback, again)}
		b.save(ctx)
	default:
		b.lookAgain(delay)
	}
	if b.giveUp && b.timesOld > b.retries {
		b.fail(&Failure{Code: ExitChange, Err: errServedOld})
	}
}

var errServedOld = errors.New("another certificate is being served than the published one")

// unreachable looks again later: a server that does not run reads the new files
// when it starts.
func (b *bundle) unreachable(report probe.Report) {
	b.looks++
	delay := slowBackoff.Delay(b.looks, rand.Float64())
	b.lookAgain(delay)
	for _, t := range report.Targets {
		if t.Outcome == probe.Unreachable && (!b.absent || b.looks%10 == 0) {
			b.log.Warn("nobody serves the certificate", logkey.Outcome, report.Outcome.String(), logkey.Address, t.Address,
				logkey.Error, t.Err, logkey.Retry, delay.Round(time.Millisecond))
		}
	}
	b.absent = true
}

func (b *bundle) lookAgain(delay time.Duration) {
	b.facts.RetryVerify = time.Now().Round(0).Add(delay)
}

// leafToServe is the published leaf that is to be served: of several, the one
// for the server's name.
func (b *bundle) leafToServe() *x509.Certificate {
	leaves := b.seen.leaves
	for _, leaf := range leaves {
		if len(leaves) == 1 || leaf.VerifyHostname(b.block.Verify.ServerName) == nil {
			return leaf
		}
	}
	return nil
}

// probe does the handshakes.
func (b *bundle) probe(ctx context.Context, leaf *x509.Certificate) (probe.Report, error) {
	v := b.block.Verify
	if leaf == nil {
		return probe.Report{}, fmt.Errorf("no certificate of the bundle is for the server name %q", v.ServerName)
	}
	spec := probe.Spec{Want: probe.Fingerprint(leaf), KeyAlgorithm: leaf.PublicKeyAlgorithm, Deadline: v.Timeout}
	target := probe.Target{ServerName: v.ServerName, StartTLS: probe.StartTLS(v.StartTLS), ProxyProtocol: v.ProxyProtocol}
	if v.ClientCert != "" {
		pair, err := tls.LoadX509KeyPair(v.ClientCert, v.ClientKey)
		if err != nil {
			return probe.Report{}, fmt.Errorf("client certificate: %w", err)
		}
		target.Certificate = &pair
	}
	for _, address := range v.Addresses {
		target.Address = address
		spec.Targets = append(spec.Targets, target)
	}
	return probe.Verify(ctx, spec)
}
