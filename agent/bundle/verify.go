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

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/probe"
)

// proves says whether it is to be proven that the certificate is served.
func (b *Bundle) proves() bool { return b.block != nil && b.block.Verify != nil }

// verdict is what the servers serve, as far as one look has shown.
type verdict struct {
	look       int // that it is of
	leaves     []*x509.Certificate
	leaf       *x509.Certificate // the one that is not served, or not surely
	report     probe.Report      // of that one
	err        error
	handshakes int
}

// verify begins to find out whether the published certificates are being served.
// That may take its time, while there is something else to do: what comes of it
// comes by a channel.
func (b *Bundle) verify(ctx context.Context) {
	leaves := b.leavesToServe()
	if len(leaves) == 0 {
		b.unverifiable(fmt.Errorf("no certificate of the bundle is for the server name %q", b.block.Verify.ServerName))
		return
	}
	ctx, b.proof.cancel = context.WithCancel(ctx)
	b.facts.Verifying = true
	b.look++
	look := b.look
	// Who starts after certagent is ready cannot be waited for before.
	impatient := !b.wasReady && !b.env.Children.Any()
	b.asks.Go(func() {
		v := verdict{report: probe.Report{Outcome: probe.Unreachable}}
		if !impatient || !b.nobodyListens(ctx, &v.report) {
			v = b.lookAt(ctx, leaves)
		}
		v.look = look
		select {
		case b.verdicts <- v:
		case <-ctx.Done():
		}
	})
}

// dropVerdict has nobody wait any more for what is not to be known any longer.
func (b *Bundle) dropVerdict() {
	if b.facts.Verifying {
		b.proof.cancel()
		b.look++
		b.facts.Verifying = false
	}
}

// lookAt does the handshakes, until one leaf turns out not to be served.
func (b *Bundle) lookAt(ctx context.Context, leaves []*x509.Certificate) verdict {
	v := verdict{leaves: leaves}
	for _, v.leaf = range leaves {
		v.report, v.err = b.probe(ctx, v.leaf)
		for _, t := range v.report.Targets {
			v.handshakes += t.Handshakes
		}
		if v.err != nil || v.report.Outcome != probe.Verified {
			break
		}
	}
	return v
}

// nobodyListens says at once whether none of the servers is there.
func (b *Bundle) nobodyListens(ctx context.Context, report *probe.Report) bool {
	for _, address := range b.block.Verify.Addresses {
		_, err := probe.Leaf(ctx, probe.Target{Address: address})
		if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ENOENT) {
			return false
		}
		report.Targets = append(report.Targets, probe.TargetReport{Address: address, Err: err})
	}
	return true
}

// conclude takes up what came of a look.
func (b *Bundle) conclude(ctx context.Context, v verdict) {
	if v.look != b.look || ctx.Err() != nil {
		return
	}
	b.proof.cancel()
	b.facts.Verifying = false
	switch {
	case v.err != nil:
		b.unverifiable(v.err)
	case v.report.Outcome == probe.ServedOld:
		b.servedOld(ctx, v.leaf, v.report)
	case v.report.Outcome == probe.Unreachable:
		b.unreachable(v.report)
	default:
		b.facts.Unverified, b.proof = false, proof{}
		for _, leaf := range v.leaves {
			b.log.Info(logmsg.Verified, logkey.Outcome, v.report.Outcome.String(),
				logkey.Serial, certificate.Serial(leaf), logkey.Handshakes, v.handshakes)
		}
	}
	b.pass()
}

// leavesToServe are the published leaves that are to be served: of several, those
// for the server's name, one of each kind of key.
func (b *Bundle) leavesToServe() []*x509.Certificate {
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
func (b *Bundle) probe(ctx context.Context, leaf *x509.Certificate) (probe.Report, error) {
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
