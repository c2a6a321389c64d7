// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/plan"
)

// Only this file assigns the bundle's state. Steps report their outcome as events, and
// package plan decides what follows.

// begin sets the state of a bundle that begins.
func (b *Bundle) begin() {
	b.state = plan.New(b.setup(), len(b.certificates), now())
}

// apply changes the state by an event, and brings runs and probes in line with it.
func (b *Bundle) apply(e plan.Event) {
	b.state = b.state.After(e)
	if b.state.Content != plan.Differs && b.state.Content != plan.Drifted {
		b.rendered = nil // it has waited for too long
	}
	b.joinRuns()
	b.cancelStaleProbe()
}

// mergeStates sets the state of a bundle that is made of two.
func (b *Bundle) mergeStates(one, other *Bundle) {
	b.state = one.state.After(plan.Merged{Other: other.state, Setup: b.setup()})
	b.joinRuns()
}

// setup returns the configuration as far as package plan needs it.
func (b *Bundle) setup() plan.Setup {
	s := plan.Setup{OneShot: b.env.OneShot, Checks: b.block != nil && b.block.Check != nil, Verifies: b.verifies()}
	for _, r := range b.reactions {
		s.Changes = append(s.Changes, plan.Change{Key: r.key})
	}
	if b.fallback != nil {
		s.Fallback.Key = b.fallback.key
	}
	if s.Verifies {
		r := b.reactions[0]
		s.ProofTimeout, s.Spacing = b.block.Verify.Timeout, r.debounce+r.minInterval+r.Splay
	}
	for _, m := range b.templates {
		s.WaitMin, s.WaitMax = max(s.WaitMin, m.wait.Min), max(s.WaitMax, m.wait.Max)
	}
	return s
}

// joinRuns joins a run of each pending change that was scheduled anew.
func (b *Bundle) joinRuns() {
	joined := make(map[uint64]*run, len(b.state.Published.Pending))
	for _, p := range b.state.Published.Pending {
		if r := b.runs[p.Ticket]; r != nil {
			joined[p.Ticket] = r
		}
	}
	former := b.runs
	b.runs = joined
	for _, r := range former { // before others are joined: a run that nobody wants is due at no time
		b.leaveRun(r)
	}
	for _, p := range b.state.Published.Pending {
		if joined[p.Ticket] == nil {
			r := b.env.runs.join(p.Key, p.NotBefore, b.reaction(p).minInterval)
			b.env.runs.attend(r, b, b.attendance(p))
			joined[p.Ticket] = r
		}
	}
}

// leaveRun leaves a run that the bundle does not wait for any more.
func (b *Bundle) leaveRun(r *run) {
	for _, other := range b.runs {
		if other == r {
			return
		}
	}
	b.env.runs.leave(r, b)
}

// attendance tells the runQueue about a pending change.
func (b *Bundle) attendance(p plan.PendingChange) *attendance {
	r := b.reaction(p)
	return &attendance{order: b.orderOf(r), command: r.Mode == config.Command, retry: p.Failures > 0, about: b.about(reasonFor(p))}
}

// orderOf returns the place of a reaction in the configuration.
func (b *Bundle) orderOf(r *reaction) int {
	if at := slices.Index(b.reactions, r); b.block == nil && at >= 0 {
		return b.templates[at].index
	}
	return b.Order()
}

// announceProgress reports how far the bundle has come to those that wait for it.
func (b *Bundle) announceProgress() {
	r := b.state.Readiness
	until := b.state.Published.Origin.Expires
	if r.MayStart {
		b.env.Progress.Published(b.Indexes(), until)
	}
	if r.Ready || r.FromDisk {
		b.env.Progress.Ready(b.Indexes(), until)
	}
	if r.Settled {
		b.env.Progress.Settled(b.Indexes(), until)
	}
}

// now returns the wall clock's time: the monotonic clock stands still while a
// machine is suspended.
func now() time.Time { return time.Now().Round(0) }

// failure returns what the back-off of a failure needs.
func failure() plan.Failure { return plan.Failure{Now: now(), Random: rand.Float64()} }
