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

// owe returns the changes that a generation will owe.
func (b *Bundle) owe(g *generation) []owed {
	changes := make([]plan.Change, len(b.reactions))
	for i, r := range b.reactions {
		changes[i] = plan.Change{Key: r.key}
	}
	before := make(map[string]bool, len(b.seen.owed))
	for _, o := range b.seen.owed {
		before[o.key] = true
	}
	now := time.Now().Round(0)
	var result []owed
	for _, i := range plan.Owe(changes, g.differs, before) {
		r := b.reactions[i]
		result = append(result, b.newOwed(r, r.due(now)))
	}
	return result
}

// newOwed has the change run at the given time, together with equal ones.
func (b *Bundle) newOwed(r *reaction, at time.Time) owed {
	return owed{reaction: r, run: b.env.runs.join(r.key, at, r.minInterval)}
}

func digests(owed []owed) []string {
	var sums []string
	for _, o := range owed {
		sums = append(sums, digest(o.key))
	}
	return sums
}

// takeUpOwed finds the changes that an earlier run left owing. If none of them
// is configured any more, the change that is configured now runs in its place.
func (b *Bundle) takeUpOwed(left []string) []owed {
	if len(left) == 0 {
		return nil
	}
	found := b.owing(func(r *reaction) bool { return slices.Contains(left, digest(r.key)) })
	if len(found) == 0 {
		found = b.owing(func(r *reaction) bool { return r != b.fallback })
	}
	return found
}

// owing returns each of the chosen changes once.
func (b *Bundle) owing(chosen func(*reaction) bool) []owed {
	all := b.reactions
	if b.fallback != nil {
		all = append(slices.Clone(all), b.fallback)
	}
	var result []owed
	for _, r := range all {
		known := slices.ContainsFunc(result, func(o owed) bool { return o.key == r.key })
		if r.key != "" && !known && chosen(r) {
			result = append(result, b.newOwed(r, time.Now().Round(0)))
		}
	}
	return result
}

func (b *Bundle) logOwed() {
	for _, o := range b.seen.owed {
		b.log.Info(logmsg.StillOwed, logkey.Mode, o.String())
	}
}
