// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/exec"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/sinks"
)

// publish makes the rendered generation the one that readers see. The changes that
// it needs are recorded in the same step.
func (b *Bundle) publish(ctx context.Context) error {
	g := b.rendered
	e := plan.Published{Due: b.due()}
	follows := b.state.After(e)
	next := publication{record: b.published.record, leaves: g.leaves}
	var previous *publication
	if follows.Published.Check == plan.Unchecked {
		before := b.published
		previous, next.generation = &before, g
		g.previous = b.target.Previous(g.files)
	}
	if len(g.files) > 0 {
		record, err := b.write(ctx, g, follows)
		if err != nil {
			return err
		}
		next.record = record
	}
	for _, v := range g.variables {
		b.env.Children.SetEnv(v.name, v.value)
	}
	if len(b.state.Published.Pending) == 0 && b.state.Published.Check == plan.Passed { // the consumer was told of it
		b.former = b.published.leaves
	}
	b.rendered, b.published, b.previous = nil, next, previous
	e.Visible = exec.Moment() // whoever starts from now on reads the new files
	e.NotNeeded = b.notStarted(follows.Published.Pending)
	b.apply(e)
	if len(e.NotNeeded) > 0 {
		b.save(ctx)
	}
	if len(g.files) > 0 {
		b.log.Info(logmsg.Published, logkey.Generation, next.record.Generation, logkey.Files, len(g.files), expires(g.Origin.Expires))
	} else {
		b.log.Info(logmsg.VariableRendered, expires(g.Origin.Expires))
	}
	b.stamp(g.files)
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

// write publishes the files, together with what is to be remembered of the state
// that follows.
func (b *Bundle) write(ctx context.Context, g *generation, follows plan.State) (sinks.Record, error) {
	free, err := b.env.publishing.take(ctx)
	if err != nil {
		return sinks.Record{}, err
	}
	defer free()
	if err := b.claimDestinations(g); err != nil {
		return sinks.Record{}, err
	}
	record, err := b.target.Publish(ctx, sinks.Generation{
		Name:    b.recordName,
		Number:  b.published.record.Generation + 1,
		Files:   g.files,
		Payload: follows.Remembered().JSON(),
	})
	if err != nil {
		return record, err
	}
	if record.CleanupErr != nil {
		b.log.Warn(logmsg.LeftoversNotRemoved, logkey.Error, record.CleanupErr)
	}
	return record, nil
}

// updateRecord ends a rendering that changed nothing: at most the record is brought
// up to date, so that the next start knows the files and how long they are good.
func (b *Bundle) updateRecord(ctx context.Context, g *generation, e plan.Rendered) {
	follows := b.state.After(e)
	old := b.published.record
	if len(g.files) > 0 && string(follows.Remembered().JSON()) != string(old.Payload) {
		record, err := b.write(ctx, g, follows)
		if err == nil {
			b.published.record = record
		} else if ctx.Err() == nil {
			b.log.Warn(logmsg.RecordNotUpdated, logkey.Error, err)
		}
	}
	b.published.leaves = g.leaves
	b.apply(e)
	b.stamp(g.files)
}

// repair gives drifted files their owner and mode back.
func (b *Bundle) repair() error {
	files := b.rendered.files
	for _, f := range files {
		statuses, err := b.target.Compare([]sinks.File{f})
		if err != nil {
			return err
		}
		if statuses[0] != sinks.Drift {
			continue
		}
		if err := b.target.Repair(f); err != nil {
			return err
		}
		b.log.Warn(logmsg.FileRepaired, logkey.Destination, f.Path)
	}
	b.rendered = nil
	b.apply(plan.Repaired{})
	b.stamp(files)
	return nil
}

// save records the state, also while the agent stops. If that fails, a change may
// run once too often after a restart.
func (b *Bundle) save(ctx context.Context) {
	if b.published.record.Name == "" {
		return
	}
	b.published.record.Payload = b.state.Remembered().JSON()
	if err := sinks.Save(context.WithoutCancel(ctx), b.published.record); err != nil {
		b.log.Warn(logmsg.PendingNotRecorded, logkey.Error, fmt.Errorf("saving the record: %w", err))
	}
}
