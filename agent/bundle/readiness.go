// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import "github.com/certagent/certagent/agent/plan"

// pass notes how far the bundle has come.
func (b *Bundle) pass() {
	current := b.facts.Content == plan.Same || !b.facts.Fetching && !b.facts.FreshUntil.IsZero()
	if b.facts.Unchecked || b.facts.Vetoed || !current && b.veto.rejected == "" {
		return
	}
	b.passPublished()
	proven := !b.facts.Unverified || b.proof.absent
	if proven || !b.fresh { // a set that was there, and is valid still, is enough to begin with
		b.wasReady = true
		b.env.Progress.Ready(b.Indexes())
	}
	if proven && len(b.seen.owed) == 0 && b.veto.rejected == "" {
		b.env.Progress.Settled(b.Indexes())
	}
}

// passPublished lets the child start, as far as this bundle is concerned.
func (b *Bundle) passPublished() {
	b.mayStart = true
	b.env.Progress.Published(b.Indexes())
}
