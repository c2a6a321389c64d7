// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"slices"
	"time"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// due draws when each of the bundle's changes would run for a generation that is
// published now.
func (b *Bundle) due() []time.Time {
	due := make([]time.Time, len(b.reactions))
	for i, r := range b.reactions {
		due[i] = r.due(now())
	}
	return due
}

// reaction returns what a pending change does.
func (b *Bundle) reaction(p plan.PendingChange) *reaction {
	if p.Fallback {
		return b.fallback
	}
	return b.reactions[slices.IndexFunc(b.reactions, func(r *reaction) bool { return r.key == p.Key })]
}

// notStarted returns the keys of changes whose target is a child that has yet to be
// started: it reads the new files when it starts.
func (b *Bundle) notStarted(pending []plan.PendingChange) []string {
	var keys []string
	for _, p := range pending {
		if r := b.reaction(p); r.targetsChild() && !b.env.Children.Started(r.Exec) {
			keys = append(keys, p.Key)
		}
	}
	return keys
}

func (b *Bundle) logPending() {
	for _, p := range b.state.Published.Pending {
		b.log.Info(logmsg.ChangePending, logkey.Mode, b.reaction(p).String())
	}
}
