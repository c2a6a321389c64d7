// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"
)

// The defaults of a Spec, and how long one handshake may take.
const (
	defaultHits     = 3
	defaultSpread   = 300 * time.Millisecond
	defaultDeadline = 10 * time.Second
	maxHandshake    = 5 * time.Second
)

// Spec is what has to be proven.
type Spec struct {
	// Targets are the servers that must all serve the wanted certificate.
	Targets []Target
	// Want is the Fingerprint of the wanted leaf.
	Want string
	// KeyAlgorithm is that of the wanted leaf. A server that sends a leaf with another
	// kind of key is probed once more for this kind, because it may have a certificate
	// of each (see Target.KeyAlgorithm). Zero does not probe again.
	KeyAlgorithm x509.PublicKeyAlgorithm
	// Hits is how many handshakes in a row must show the wanted leaf; zero means 3. If
	// another leaf follows, Hits and Spread are doubled, up to a factor of eight. If
	// one of n processes behind the address still serves the old certificate, the
	// probability that this goes unnoticed is (1-1/n) to the power of Hits-1.
	Hits int
	// Spread is the minimum time between the first and the last of these; zero means
	// 300 ms, longer than a reloading nginx serves both certificates.
	Spread time.Duration
	// Outdated reports whether a leaf cannot be what a server still serves while it takes
	// up the wanted one. The first that is seen ends the probe of its target, with
	// ServedOld. Nil means that none is.
	Outdated func(*x509.Certificate) bool
	// Seen is called after each handshake with what it found, from several goroutines; it
	// must not block. Nil is not called.
	Seen func(address string, leaf *x509.Certificate, err error)
	// Deadline is the maximum duration of Verify; zero means 10 s. One handshake may
	// take 5 s, or half of a shorter deadline.
	Deadline time.Duration
}

// Report is the result of Verify.
type Report struct {
	// Outcome is Verified if every target is, otherwise ServedOld if one of them
	// is, otherwise Unreachable.
	Outcome Outcome
	Targets []TargetReport // in the order of the Spec
}

// TargetReport is the result for one target.
type TargetReport struct {
	Address    string
	Outcome    Outcome
	Served     *x509.Certificate // the leaf that was seen last; nil if none was
	Err        error             // of the last handshake that failed; nil if none did or the outcome is Verified
	Handshakes int               // successful or not
}

// Verify probes the targets concurrently, until each has proven that it serves the
// wanted leaf, or until the deadline. At first the handshakes follow each other
// quickly, then there is one per second and target.
//
// The error is not nil if the Spec is invalid, or if ctx ended before there was a
// verdict; then it wraps the cause of ctx, and the report has what was seen so far.
func Verify(ctx context.Context, spec Spec) (Report, error) {
	if err := spec.validate(); err != nil {
		return Report{}, fmt.Errorf("verify: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, spec.deadline())
	defer cancel()
	report := Report{Targets: make([]TargetReport, len(spec.Targets))}
	var all sync.WaitGroup
	for i, target := range spec.Targets {
		all.Go(func() {
			report.Targets[i] = spec.follow(limited, func(ctx context.Context) (*x509.Certificate, error) {
				leaf, err := spec.ask(ctx, target)
				if spec.Seen != nil && (err == nil || ctx.Err() == nil) {
					spec.Seen(target.Address, leaf, err)
				}
				return leaf, err
			})
			report.Targets[i].Address = target.Address
		})
	}
	all.Wait()
	report.Outcome = overall(report.Targets)
	if ctx.Err() != nil && report.Outcome != Verified {
		return report, fmt.Errorf("verify: %w", context.Cause(ctx))
	}
	return report, nil
}

func (s Spec) validate() error {
	if len(s.Targets) == 0 {
		return errors.New("no targets")
	}
	if s.Want == "" {
		return errors.New("no wanted fingerprint")
	}
	if s.Hits < 0 || s.Spread < 0 || s.Deadline < 0 {
		return errors.New("hits, spread and deadline cannot be negative")
	}
	if s.spread() > s.deadline() {
		return fmt.Errorf("a spread of %s does not fit into a deadline of %s", s.spread(), s.deadline())
	}
	for _, t := range s.Targets {
		if err := t.Validate(); err != nil {
			return fmt.Errorf("target %q: %w", t.Address, err)
		}
	}
	return nil
}

func (s Spec) spread() time.Duration   { return cmp.Or(s.Spread, defaultSpread) }
func (s Spec) deadline() time.Duration { return cmp.Or(s.Deadline, defaultDeadline) }

// ask does a handshake, and a second one if the server may have a certificate with the
// wanted kind of key besides the one that it sent. If the second handshake fails, ask
// returns the leaf of the first one and the error.
func (s Spec) ask(ctx context.Context, t Target) (*x509.Certificate, error) {
	leaf, err := Leaf(ctx, t)
	if err != nil || Fingerprint(leaf) == s.Want ||
		s.KeyAlgorithm == x509.UnknownPublicKeyAlgorithm || leaf.PublicKeyAlgorithm == s.KeyAlgorithm {
		return leaf, err
	}
	t.KeyAlgorithm = s.KeyAlgorithm
	other, err := Leaf(ctx, t)
	if err == nil || ctx.Err() != nil {
		return other, err
	}
	return leaf, fmt.Errorf("a certificate with a key of type %s is served; asked for one of type %s: %w",
		leaf.PublicKeyAlgorithm, s.KeyAlgorithm, err)
}
