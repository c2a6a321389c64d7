// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/inspect"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/sinks"
)

// newBundle makes a bundle that asks for the requests first.
func newBundle(p *parts, members []*member, requests []secrets.Request) *bundle {
	b := &bundle{
		parts:    p,
		name:     members[0].name,
		members:  members,
		secrets:  p.store.Subscribe(),
		wanted:   unique(slices.Clone(requests)),
		noticed:  make(map[secrets.Request]uint64),
		failures: make(map[plan.Action]int),
		stamps:   make(map[string]stamp),
		bornAt:   time.Now().Round(0),
	}
	b.first = b.wanted
	b.log = p.log.With(logkey.Bundle, b.name)
	b.inputs = p.watcher.Subscribe(b.sources())
	return b
}

// sources are the members' template files.
func (b *bundle) sources() []string {
	var paths []string
	for _, m := range b.members {
		if m.source != "" {
			paths = append(paths, m.source)
		}
	}
	return paths
}

// resume takes up what an earlier run left: what is owed, and files that need
// no new answer yet.
func (b *bundle) resume(ctx context.Context, record sinks.Record) {
	now := time.Now().Round(0)
	b.onDisk = b.validOnDisk(now, record)
	left, err := parseMemo(record.Payload)
	if record.Name == "" {
		return
	}
	if err != nil {
		b.log.Warn("the record of an earlier run is not used", logkey.Error, err)
		b.record = record
		return
	}
	b.record, b.memo = record, left
	b.takeUpOwed(left)
	if !b.allLoaded() || !record.Intact || !b.onDisk || !left.sameQuestion(b.questionNow(ctx, left)) || !left.FreshUntil.After(now) {
		return
	}
	b.facts.FreshUntil = left.FreshUntil
	b.inputs.Set(append(b.sources(), slices.Collect(maps.Keys(left.Inputs))...))
	paths := make([]sinks.File, len(record.Files))
	for i, f := range record.Files {
		paths[i].Path = f.Path
	}
	b.stamp(paths)
	b.passPublished()
	b.passSettled()
	b.log.Info("the files on disk are still good; nothing is asked of Vault",
		logkey.Generation, record.Generation, logkey.Renews, left.FreshUntil, expires(left.Expires))
}

// takeUpOwed finds the changes that an earlier run left owing. If none of them
// is configured any more, the change that is configured now runs in its place.
func (b *bundle) takeUpOwed(left memo) {
	if len(left.Owed) == 0 {
		return
	}
	found := b.owing(func(m *member) bool { return slices.Contains(left.Owed, digest(m.key)) })
	if len(found) == 0 {
		found = b.owing(func(*member) bool { return true })
	}
	b.owed = found
	for _, o := range found {
		b.log.Info("a change of an earlier run is still owed", logkey.Mode, describe(o.change))
	}
}

// owing returns each change once that one of the chosen members has.
func (b *bundle) owing(chosen func(*member) bool) []owed {
	var result []owed
	for _, m := range b.members {
		known := slices.ContainsFunc(result, func(o owed) bool { return o.key == m.key })
		if m.key != "" && !known && chosen(m) {
			result = append(result, owed{member: m})
		}
	}
	return result
}

// questionNow says what the members ask for now, with the local files that the
// earlier run read.
func (b *bundle) questionNow(ctx context.Context, left memo) memo {
	s := newSource(ctx, nil)
	for path := range left.Inputs {
		_, _ = s.File(path) // one that cannot be read is missing from the digests
	}
	return b.question(s)
}

func (b *bundle) allLoaded() bool {
	return !slices.ContainsFunc(b.members, func(m *member) bool { return m.template == nil })
}

// validOnDisk says whether the files on disk are a set with which the child may
// start although Vault does not answer.
func (b *bundle) validOnDisk(now time.Time, record sinks.Record) bool {
	var paths []string
	for _, m := range b.members {
		if m.variable != "" {
			return false
		}
		paths = append(paths, m.file.Path)
	}
	for _, f := range record.Files {
		paths = append(paths, f.Path)
	}
	slices.Sort(paths)
	var files []inspect.File
	for _, path := range slices.Compact(paths) {
		content, err := os.ReadFile(path)
		if err != nil || strings.TrimSpace(string(content)) == "" {
			return false
		}
		files = append(files, inspect.File{Path: path, Content: content})
	}
	_, err := inspect.Inspect(files, now)
	return err == nil
}

// absorb makes one bundle of b and another one, whose loops have both ended.
func (b *bundle) absorb(ctx context.Context, other *bundle) *bundle {
	members := append(slices.Clone(b.members), other.members...)
	slices.SortFunc(members, func(x, y *member) int { return x.index - y.index })
	merged := newBundle(b.parts, members, append(slices.Clone(b.wanted), other.wanted...))
	merged.record, merged.memo = b.record, b.memo
	merged.bornAt = b.bornAt
	merged.onDisk = b.onDisk && other.onDisk
	merged.published = b.published && other.published
	merged.owed = append(slices.Clone(b.owed), slices.DeleteFunc(slices.Clone(other.owed), func(o owed) bool {
		return slices.ContainsFunc(b.owed, func(p owed) bool { return p.key == o.key })
	})...)
	// Without a record of its own the bundle has nowhere to note what it owes yet:
	// then the other's stays.
	if merged.record.Name != "" && other.record.Name != "" {
		merged.save(ctx)
		if err := sinks.Remove(ctx, other.record); err != nil && ctx.Err() == nil {
			merged.log.Warn("the record of a bundle that became part of this one was not removed", logkey.Error, err)
		}
	}
	merged.fetch()
	return merged
}

// close lets go of what the bundle subscribed to.
func (b *bundle) close() {
	b.secrets.Close()
	b.inputs.Close()
}
