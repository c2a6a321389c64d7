// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import "github.com/certagent/certagent/agent/plan"

// pass notes how far the bundle has come.
func (b *bundle) pass() {
	current := b.facts.Content == plan.Same || !b.facts.Fetching && !b.facts.FreshUntil.IsZero()
	if b.facts.Unchecked || b.facts.Vetoed || !current && b.veto.rejected == "" {
		return
	}
	b.passPublished()
	proven := !b.facts.Unverified || b.proof.absent
	if proven || !b.fresh { // a set that was there, and is valid still, is enough to begin with
		b.wasReady = true
		b.progress.ready.pass(b.indexes())
	}
	if proven && len(b.seen.owed) == 0 && b.veto.rejected == "" {
		b.progress.settled.pass(b.indexes())
	}
}

// passPublished lets the child start, as far as this bundle is concerned.
func (b *bundle) passPublished() {
	b.mayStart = true
	b.progress.published.pass(b.indexes())
}
