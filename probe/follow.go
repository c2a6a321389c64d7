// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"time"
)

// follow probes one target until it has proven that it serves the wanted certificate,
// or until ctx ends.
func (s Spec) follow(ctx context.Context, ask func(context.Context) (*x509.Certificate, error)) TargetReport {
	var report TargetReport
	j := judge{want: s.Want, hits: cmp.Or(s.Hits, defaultHits), spread: s.spread()}
	proven := false
	for !proven && ctx.Err() == nil {
		l := attempt{begun: time.Now()}
		leaf, err := s.askOnce(ctx, ask)
		l.ended = time.Now()
		if err != nil && ctx.Err() != nil && report.Handshakes > 0 {
			break // interrupted by ctx: no new information
		}
		report.Handshakes++
		if err != nil {
			report.Err = err
		}
		if leaf != nil {
			report.Served = leaf
			l.fingerprint = Fingerprint(leaf)
		}
		j.add(l)
		if leaf != nil && l.fingerprint != s.Want && s.Outdated != nil && s.Outdated(leaf) {
			break
		}
		if proven = j.proven(l); !proven {
			sleep(ctx, j.pause())
		}
	}
	if proven {
		report.Err = nil
	}
	report.Outcome = j.outcome(proven)
	return report
}

// askOnce limits one attempt, so that a server that does not answer in time is tried
// again: another connection may reach another of its processes.
func (s Spec) askOnce(ctx context.Context, ask func(context.Context) (*x509.Certificate, error)) (*x509.Certificate, error) {
	limit := min(maxHandshake, s.deadline()/2)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
	defer cancel()
	return ask(ctx)
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
