// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/sinks"
)

// publish makes the pending generation the one that readers see. What it owes is
// recorded in the same step.
func (b *Bundle) publish(ctx context.Context) error {
	g := b.pending
	next := published{memo: g.memo, record: b.seen.record, owed: b.owe(g), leaves: g.leaves}
	var former *published
	if b.block != nil && b.block.Check != nil {
		before := b.seen
		former, next.of = &before, g
		g.previous = b.target.previous(g.files)
		next.memo.Unchecked = true
		next.memo.Before = previousPayload{digests(b.seen.owed), b.seen.memo.Unchecked}
	}
	if len(g.files) > 0 {
		record, err := b.write(ctx, g, &next)
		if err != nil {
			return err
		}
		next.record = record
	}
	for _, v := range g.variables {
		b.env.Children.SetEnv(v.name, v.value)
	}
	b.former, b.seen, b.fresh = former, next, true
	b.facts.Unchecked, b.facts.RetryCheck = next.memo.Unchecked, time.Time{}
	b.dropVerdict()
	b.facts.Unverified, b.facts.RetryVerify, b.proof = b.proves(), time.Time{}, proof{}
	b.forgiveChild(ctx)
	b.log.Info(logmsg.Published, logkey.Generation, next.record.Generation, logkey.Files, len(g.files), expires(g.memo.Expires))
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

// write publishes the files, together with what is to be remembered of them.
func (b *Bundle) write(ctx context.Context, g *generation, p *published) (sinks.Record, error) {
	free, err := b.env.publishing.take(ctx)
	if err != nil {
		return sinks.Record{}, err
	}
	defer free()
	p.memo.Owed = digests(p.owed)
	record, err := b.target.publish(ctx, sinks.Generation{
		Name:    b.recordName,
		Number:  b.seen.record.Generation + 1,
		Files:   g.files,
		Payload: p.memo.payload(),
	})
	if err != nil {
		return record, err
	}
	if record.Untidy != nil {
		b.log.Warn(logmsg.LeftoversKept, logkey.Error, record.Untidy)
	}
	return record, nil
}

// settle ends a rendering that changed nothing: at most the record is brought
// up to date, so that the next start knows how long the files are good.
func (b *Bundle) settle(ctx context.Context) {
	g := b.pending
	next := b.seen
	next.memo = g.memo
	next.memo.Owed = digests(next.owed)
	next.memo.Unchecked, next.memo.Before = b.seen.memo.Unchecked, b.seen.memo.Before
	worthIt := b.seen.record.Name != "" || !next.memo.FreshUntil.IsZero() || b.block != nil
	if len(g.files) > 0 && worthIt && string(next.memo.payload()) != string(b.seen.record.Payload) {
		record, err := b.write(ctx, g, &next)
		if err == nil {
			next.record = record
		} else if ctx.Err() == nil {
			b.log.Warn(logmsg.RecordNotUpdated, logkey.Error, err)
		}
	}
	next.leaves = g.leaves
	b.seen = next
	b.settled(g)
}

// forgiveChild drops what is owed to a child that has not been started yet: it
// reads the new files when it starts.
func (b *Bundle) forgiveChild(ctx context.Context) {
	var left []owed
	for _, o := range b.seen.owed {
		if !o.targetsChild() || b.env.Children.Started(o.Exec) {
			left = append(left, o)
		}
	}
	if len(left) != len(b.seen.owed) {
		b.seen.owed = left
		b.save(ctx)
	}
}

// settled forgets a generation that is on disk: what is in it can be rendered
// again from the secrets.
func (b *Bundle) settled(g *generation) {
	b.pending = nil
	b.facts.Content = plan.Same
	b.stamp(g.files)
	b.pass()
}

// repair gives drifted files their owner and mode back.
func (b *Bundle) repair() error {
	for _, f := range b.pending.files {
		statuses, err := b.target.compare([]sinks.File{f})
		if err != nil {
			return err
		}
		if statuses[0] != sinks.Drift {
			continue
		}
		if err := b.target.repair(f); err != nil {
			return err
		}
		b.log.Warn(logmsg.FileRepaired, logkey.Destination, f.Path)
	}
	b.settled(b.pending)
	return nil
}

// save records what is owed now, also while the agent stops. That it fails costs at
// most one change too many after a restart.
func (b *Bundle) save(ctx context.Context) {
	if b.seen.record.Name == "" {
		return
	}
	b.seen.memo.Owed = digests(b.seen.owed)
	b.seen.record.Payload = b.seen.memo.payload()
	if err := sinks.Save(context.WithoutCancel(ctx), b.seen.record); err != nil {
		b.log.Warn(logmsg.OwedNotRecorded, logkey.Error, fmt.Errorf("saving the record: %w", err))
	}
}
