// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"slices"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/sinks"
)

// Merge returns one bundle in place of b and other, whose loops have both ended.
// The caller closes both.
func (b *Bundle) Merge(ctx context.Context, other *Bundle) *Bundle {
	templates := append(slices.Clone(b.templates), other.templates...)
	reactions := append(slices.Clone(b.reactions), other.reactions...)
	order := make(map[*reaction]int, len(templates))
	for i, r := range reactions {
		order[r] = templates[i].index
	}
	slices.SortFunc(templates, func(x, y *templateMember) int { return x.index - y.index })
	slices.SortFunc(reactions, func(x, y *reaction) int { return order[x] - order[y] })
	merged := fromTemplates(b.env, templates, reactions)
	merged.first = unique(append(slices.Clone(b.wanted), other.wanted...))
	merged.wanted = merged.first
	merged.published = b.published
	merged.mergeStates(b, other)
	// Without a record of its own the bundle cannot record what is pending; the other's
	// record then stays.
	if merged.published.record.Name != "" && other.published.record.Name != "" {
		merged.save(ctx)
		if err := sinks.Remove(ctx, other.published.record); err != nil && ctx.Err() == nil {
			merged.log.Warn(logmsg.RecordNotRemoved, logkey.Error, err)
		}
	}
	merged.fetch()
	return merged
}
