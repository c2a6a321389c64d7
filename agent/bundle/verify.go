// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/certinfo"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/probe"
	"github.com/certagent/certagent/safefile"
)

// verifies reports whether the bundle has a verify block.
func (b *Bundle) verifies() bool { return b.block != nil && b.block.Verify != nil }

// probeResult is what a probe has found.
type probeResult struct {
	number     int // of the probe
	leaves     []*x509.Certificate
	leaf       *x509.Certificate // the one that is not served, or not surely
	report     probe.Report      // of that one
	err        error
	handshakes int
}

// verify begins to find out whether the published certificates are being served.
// The result comes through a channel, for a probe may take its time while there is
// something else to do.
func (b *Bundle) verify(ctx context.Context) {
	leaves := b.leavesToServe()
	if len(leaves) == 0 {
		f := failure()
		b.apply(plan.NothingToVerify{Failure: f})
		b.probeFailed(fmt.Errorf("no certificate of the bundle is for the server name %q", b.block.Verify.ServerName), f)
		return
	}
	b.apply(plan.VerifyStarted{})
	b.sight.begin(now())
	ctx, b.cancelProbe = context.WithCancel(ctx)
	number := b.state.Verification.Probe
	// A server that starts after certagent is ready cannot be waited for before.
	impatient := !b.state.Readiness.Ready && !b.env.Children.Any()
	outdated := b.outdated()
	b.asks.Go(func() {
		r := probeResult{report: probe.Report{Outcome: probe.Unreachable}}
		if !impatient || !b.noListener(ctx, &r.report) {
			r = b.probeLeaves(ctx, leaves, outdated)
		}
		r.number = number
		select {
		case b.probes <- r:
		case <-ctx.Done():
		}
	})
}

// cancelStaleProbe cancels the probe in progress if its result is not wanted any
// more.
func (b *Bundle) cancelStaleProbe() {
	if b.cancelProbe != nil && !b.state.Verification.Probing {
		b.cancelProbe()
		b.cancelProbe = nil
	}
}

// probeLeaves does the handshakes, until one leaf turns out not to be served.
func (b *Bundle) probeLeaves(ctx context.Context, leaves []*x509.Certificate, outdated func(*x509.Certificate) bool) probeResult {
	r := probeResult{leaves: leaves}
	for _, r.leaf = range leaves {
		r.report, r.err = b.probe(ctx, r.leaf, outdated)
		for _, t := range r.report.Targets {
			r.handshakes += t.Handshakes
		}
		if r.err != nil || r.report.Outcome != probe.Verified {
			break
		}
	}
	return r
}

// noListener reports, without waiting, whether no server is listening.
func (b *Bundle) noListener(ctx context.Context, report *probe.Report) bool {
	for _, address := range b.block.Verify.Addresses {
		_, err := probe.Leaf(ctx, probe.Target{Address: address})
		if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ENOENT) {
			return false
		}
		report.Targets = append(report.Targets, probe.TargetReport{Address: address, Err: err})
	}
	return true
}

// connectTime limits the look at whether a server is listening.
const connectTime = 500 * time.Millisecond

// listening reports whether a server is listening on one of the verify addresses. It
// takes connectTime at most.
func (b *Bundle) listening(ctx context.Context) bool {
	if !b.verifies() || !b.state.Verification.Unverified {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	found := make(chan bool, len(b.block.Verify.Addresses))
	for _, address := range b.block.Verify.Addresses {
		go func() { found <- probe.Listening(ctx, address) }() // each is received below
	}
	any := false
	for range b.block.Verify.Addresses {
		any = <-found || any
	}
	return any
}

// conclude takes the result of a probe.
func (b *Bundle) conclude(ctx context.Context, r probeResult) {
	if v := b.state.Verification; !v.Probing || r.number != v.Probe || ctx.Err() != nil {
		return
	}
	defer b.concluded(ctx)
	switch {
	case r.err != nil:
		f := failure()
		b.apply(plan.ProbeFailed{Probe: r.number, Failure: f})
		b.probeFailed(r.err, f)
	case r.report.Outcome == probe.ServedOld:
		b.servedOld(ctx, r)
	case r.report.Outcome == probe.Unreachable:
		b.unreachable(r)
	default:
		b.apply(plan.Verified{Probe: r.number})
		for _, leaf := range r.leaves {
			b.verified(leaf, r)
		}
	}
}

// verified reports that the published certificate is being served. That is good news
// only of the newest one, and of none that has ended.
func (b *Bundle) verified(leaf *x509.Certificate, r probeResult) {
	switch now := now(); {
	case !now.Before(leaf.NotAfter):
		b.log.Error(logmsg.ExpiredServed, logkey.Serial, certinfo.Serial(leaf), logkey.Expired, leaf.NotAfter, logkey.Because, b.because())
	case b.state.Rejected != "":
		b.log.Warn(logmsg.PreviousServed, logkey.Serial, certinfo.Serial(leaf), expires(leaf.NotAfter), logkey.Because, b.because())
	default:
		b.log.Info(logmsg.Verified, logkey.Outcome, r.report.Outcome.String(),
			logkey.Serial, certinfo.Serial(leaf), logkey.Handshakes, r.handshakes)
	}
}

// leavesToServe returns the published leaves that the server should serve: of
// several, those for the server's name, one of each key type.
func (b *Bundle) leavesToServe() []*x509.Certificate {
	leaves := b.published.leaves
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
func (b *Bundle) probe(ctx context.Context, leaf *x509.Certificate, outdated func(*x509.Certificate) bool) (probe.Report, error) {
	v := b.block.Verify
	spec := probe.Spec{Want: probe.Fingerprint(leaf), KeyAlgorithm: leaf.PublicKeyAlgorithm, Deadline: v.Timeout, Outdated: outdated, Seen: b.sight.see}
	target := probe.Target{ServerName: v.ServerName, StartTLS: probe.StartTLS(v.StartTLS), ProxyProtocol: v.ProxyProtocol}
	if v.ClientCert != "" {
		pair, err := readPair(v.ClientCert, v.ClientKey)
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

// readPair reads a certificate and its key.
func readPair(cert, key string) (tls.Certificate, error) {
	certificates, err := safefile.Read(cert, safefile.MaxPEM)
	if err != nil {
		return tls.Certificate{}, err
	}
	private, err := safefile.Read(key, safefile.MaxPEM)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(certificates, private)
}
