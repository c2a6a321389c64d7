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
	"slices"
	"time"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/probe"
)

// proves says whether it is to be proven that the certificate is served.
func (b *bundle) proves() bool { return b.block != nil && b.block.Verify != nil }

// verify finds out whether the published certificates are being served.
func (b *bundle) verify(ctx context.Context) {
	leaves := b.leavesToServe()
	if len(leaves) == 0 {
		b.unverifiable(fmt.Errorf("no certificate of the bundle is for the server name %q", b.block.Verify.ServerName))
		return
	}
	handshakes := 0
	for _, leaf := range leaves {
		report, err := b.probe(ctx, leaf)
		switch {
		case ctx.Err() != nil:
			return // the next start verifies
		case err != nil:
			b.unverifiable(err)
			return
		case report.Outcome == probe.ServedOld:
			b.servedOld(ctx, leaf, report)
			return
		case report.Outcome == probe.Unreachable:
			b.unreachable(report)
			b.pass()
			return
		}
		for _, t := range report.Targets {
			handshakes += t.Handshakes
		}
	}
	b.facts.Unverified, b.proof = false, proof{}
	for _, leaf := range leaves {
		b.log.Info("verified: the certificate is being served", logkey.Outcome, probe.Verified.String(),
			logkey.Serial, certificate.Serial(leaf), logkey.Handshakes, handshakes)
	}
	b.pass()
}

// unverifiable looks again later for what is no fault of the server.
func (b *bundle) unverifiable(err error) {
	b.proof.looks++
	delay := slowBackoff.Delay(b.proof.looks, rand.Float64())
	b.lookAgain(delay)
	b.log.Error("it cannot be verified what is being served", logkey.Error, err, logkey.Attempt, b.proof.looks, logkey.Retry, delay.Round(time.Millisecond))
}

// servedOld has the change made again, or the fallback in its place.
func (b *bundle) servedOld(ctx context.Context, leaf *x509.Certificate, report probe.Report) {
	b.proof.timesOld++
	b.proof.absent = false
	delay := slowBackoff.Delay(b.proof.timesOld, rand.Float64())
	again := time.Now().Round(0).Add(delay)
	remedy := plan.Remedied(b.proof.timesOld, b.reactions[0].key != "", b.fallback != nil)
	for _, t := range report.Targets {
		if t.Outcome == probe.ServedOld {
			b.log.Error("another certificate is being served than the published one", logkey.Outcome, report.Outcome.String(), logkey.Address, t.Address,
				logkey.Served, certificate.Serial(t.Served), logkey.Serial, certificate.Serial(leaf), logkey.Remedy, remedy.String(),
				logkey.Attempt, b.proof.timesOld, logkey.Retry, delay.Round(time.Millisecond))
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
	if b.giveUp && b.proof.timesOld > b.retries {
		b.fail(&Failure{Code: ExitChange, Err: errServedOld})
	}
}

var errServedOld = errors.New("another certificate is being served than the published one")

// unreachable looks again later: a server that does not run reads the new files
// when it starts.
func (b *bundle) unreachable(report probe.Report) {
	b.proof.looks++
	delay := slowBackoff.Delay(b.proof.looks, rand.Float64())
	b.lookAgain(delay)
	for _, t := range report.Targets {
		if t.Outcome == probe.Unreachable && (!b.proof.absent || b.proof.looks%10 == 0) {
			b.log.Warn("nobody serves the certificate", logkey.Outcome, report.Outcome.String(), logkey.Address, t.Address,
				logkey.Error, t.Err, logkey.Retry, delay.Round(time.Millisecond))
		}
	}
	b.proof.absent = true
}

func (b *bundle) lookAgain(delay time.Duration) {
	b.facts.RetryVerify = time.Now().Round(0).Add(delay)
}

// leavesToServe are the published leaves that are to be served: of several, those
// for the server's name, one of each kind of key.
func (b *bundle) leavesToServe() []*x509.Certificate {
	leaves := b.seen.leaves
	if len(leaves) < 2 {
		return leaves
	}
	var chosen []*x509.Certificate
	for _, leaf := range leaves {
		another := slices.ContainsFunc(chosen, func(c *x509.Certificate) bool { return c.PublicKeyAlgorithm == leaf.PublicKeyAlgorithm })
		if !another && leaf.VerifyHostname(b.block.Verify.ServerName) == nil {
			chosen = append(chosen, leaf)
		}
	}
	return chosen
}

// probe does the handshakes.
func (b *bundle) probe(ctx context.Context, leaf *x509.Certificate) (probe.Report, error) {
	v := b.block.Verify
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
