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

// Spec says what has to be proven.
type Spec struct {
	// Targets are the servers that must all serve the wanted certificate.
	Targets []Target
	// Want is the wanted leaf's Fingerprint.
	Want string
	// KeyAlgorithm is that of the wanted leaf. A server that shows a leaf with
	// another kind of key is asked once more, for this kind, for it may have one
	// certificate of each (see Target.KeyAlgorithm). Zero does not ask again.
	KeyAlgorithm x509.PublicKeyAlgorithm
	// Hits is how many handshakes in a row have to show the wanted leaf; zero
	// means 3. After a relapse more are demanded, up to eight times as many over
	// a time as much longer. Where one of n processes behind the same address
	// may have kept its old certificate, the chance that it goes unnoticed is
	// (1-1/n) to the power of Hits-1.
	Hits int
	// Spread is how far apart the first and the last of these have to be; zero
	// means 300 ms, which is longer than a reloading nginx serves both.
	Spread time.Duration
	// Deadline is how long after the beginning the verdict falls at the latest;
	// zero means 10 s. One handshake may take 5 s, or half of a shorter deadline.
	Deadline time.Duration
}

// Report is a verdict and what it rests on.
type Report struct {
	// Outcome is Verified if every target is, otherwise ServedOld if one of them
	// is, otherwise Unreachable.
	Outcome Outcome
	Targets []TargetReport // in the order of the Spec
}

// TargetReport is what was found out about one target.
type TargetReport struct {
	Address    string
	Outcome    Outcome
	Served     *x509.Certificate // the leaf that was served last; nil if none was
	Err        error             // of the last handshake that failed; nil if none did or the outcome is Verified
	Handshakes int               // that succeeded or failed
}

// Verify asks the targets, all at the same time, until each has proven that it
// serves the wanted leaf, or until the deadline. The pace is quick at first and
// then one handshake a second to each target.
//
// The error is not nil if the Spec is impossible or ctx ended before there was a
// verdict; then it is the context's cause, and the report says what was seen
// until then.
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
				return spec.ask(ctx, target)
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

// ask does a handshake, and a second one if the first showed what may be the
// other of a server's two certificates. If the second fails, ask returns the leaf
// of the first and why.
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
