// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/sinks"
)

// publish makes the pending generation the one that readers see. What it owes is
// recorded in the same step.
func (b *bundle) publish(ctx context.Context) error {
	g := b.pending
	owed := b.owe()
	if len(g.files) > 0 {
		record, err := b.write(ctx, g, owed)
		if err != nil {
			return err
		}
		b.record = record
	}
	for _, v := range g.variables {
		b.child.setEnv(v.name, v.value)
	}
	b.owed = owed
	b.forgiveChild(ctx)
	b.log.Info("published", logkey.Generation, b.record.Generation, logkey.Files, len(g.files), expires(g.expires))
	b.settled(g)
	return nil
}

// expires is the log's attribute for the end of what was published, which not
// everything has.
func expires(t time.Time) slog.Attr {
	if t.IsZero() {
		return slog.Attr{}
	}
	return slog.Time(logkey.Expires, t)
}

// write publishes the files under their journal.
func (b *bundle) write(ctx context.Context, g *generation, owed []owed) (sinks.Record, error) {
	select {
	case b.publishing <- struct{}{}:
		defer func() { <-b.publishing }()
	case <-ctx.Done():
		return sinks.Record{}, ctx.Err()
	}
	b.memo.Owed = digests(owed)
	record, err := sinks.Publish(ctx, sinks.Generation{
		Name:    recordName(b.members),
		Number:  b.record.Generation + 1,
		Files:   g.files,
		Payload: b.memo.payload(),
	})
	if err != nil {
		return record, err
	}
	if record.Untidy != nil {
		b.log.Warn("the old generation was not cleared away", logkey.Error, record.Untidy)
	}
	return record, nil
}

// settle ends a rendering that changed nothing: at most the record is brought
// up to date, so that the next start knows how long the files are good.
func (b *bundle) settle(ctx context.Context) {
	g := b.pending
	b.memo.Owed = digests(b.owed)
	worthIt := b.record.Name != "" || !b.memo.FreshUntil.IsZero()
	if len(g.files) > 0 && worthIt && string(b.memo.payload()) != string(b.record.Payload) {
		record, err := b.write(ctx, g, b.owed)
		if err == nil {
			b.record = record
		} else if ctx.Err() == nil {
			b.log.Warn("the record was not brought up to date; the files are as they should be", logkey.Error, err)
		}
	}
	b.settled(g)
}

// forgiveChild drops what is owed to a child that has not been started yet: it
// reads the new files when it starts.
func (b *bundle) forgiveChild(ctx context.Context) {
	if b.child == nil || b.child.started() {
		return
	}
	before := len(b.owed)
	b.owed = slices.DeleteFunc(b.owed, func(o owed) bool { return o.targetsChild() })
	if len(b.owed) != before {
		b.save(ctx)
	}
}

// settled forgets a generation that is on disk: what is in it can be rendered
// again from the secrets.
func (b *bundle) settled(g *generation) {
	b.pending, b.differs = nil, nil
	b.facts.Content = plan.Same
	b.stamp(g.files)
	b.passPublished()
	b.passSettled()
}

func (b *bundle) passSettled() {
	if len(b.owed) == 0 {
		b.progress.settled.pass(b.members)
	}
}

// repair gives drifted files their owner and mode back.
func (b *bundle) repair() error {
	for _, f := range b.pending.files {
		statuses, err := sinks.Compare([]sinks.File{f})
		if err != nil {
			return err
		}
		if statuses[0] != sinks.Drift {
			continue
		}
		if err := sinks.Repair(f); err != nil {
			return err
		}
		b.log.Warn("repaired a file's owner or mode", logkey.Destination, f.Path)
	}
	b.settled(b.pending)
	return nil
}

// owe returns the changes that the pending generation will owe.
func (b *bundle) owe() []owed {
	changes := make([]plan.Change, len(b.members))
	for i, m := range b.members {
		changes[i] = plan.Change{Key: m.key}
	}
	before := make(map[string]bool, len(b.owed))
	for _, o := range b.owed {
		before[o.key] = true
	}
	now := time.Now().Round(0)
	var result []owed
	for _, i := range plan.Owe(changes, b.differs, before) {
		m := b.members[i]
		result = append(result, owed{member: m, notBefore: now.Add(splay(m.change, rand.Float64()))})
	}
	return result
}

func digests(owed []owed) []string {
	var sums []string
	for _, o := range owed {
		sums = append(sums, digest(o.key))
	}
	return sums
}

// recordName names a bundle's record after its first destination, so that it is
// found again whatever else the bundle holds.
func recordName(members []*member) string {
	for _, m := range members {
		if m.variable == "" {
			return digest(m.file.Path)[:12]
		}
	}
	return ""
}

// save records what is owed now. That it fails costs at most one change too
// many after a restart.
func (b *bundle) save(ctx context.Context) {
	if b.record.Name == "" {
		return
	}
	b.memo.Owed = digests(b.owed)
	b.record.Payload = b.memo.payload()
	if err := sinks.Save(ctx, b.record); err != nil && !errors.Is(err, context.Canceled) {
		b.log.Warn("what is owed was not recorded", logkey.Error, fmt.Errorf("saving the record: %w", err))
	}
}
