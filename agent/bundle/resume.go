// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/sinks"
)

// resume takes up what an earlier run left: the certificates on disk, what is
// owed, and files that need no new answer yet.
func (b *Bundle) resume(ctx context.Context, record sinks.Record) {
	now := time.Now().Round(0)
	b.onDisk = b.validOnDisk(now, record)
	left, err := parsePayload(record.Payload)
	if record.Name != "" && err != nil {
		b.log.Warn(logmsg.RecordIgnored, logkey.Error, err)
		left = recordPayload{}
	}
	b.seen.record, b.seen.memo = record, left
	b.seen.owed = b.takeUpOwed(left.Owed)
	b.logOwed()
	b.loadFromDisk(now)
	b.facts.Unchecked = left.Unchecked && b.block != nil && b.block.Check != nil
	b.seen.leaves = b.leavesHeld()
	b.facts.Unverified = b.proves() && len(b.leavesToServe()) > 0 // or there is nothing to prove before it is published
	if b.veto.rejected = left.Rejected; b.veto.rejected != "" {
		b.facts.RetryPublish = now.Add(slowBackoff.Min)
	}
	if record.Name == "" || err != nil || !b.stillFresh(ctx, now) {
		return
	}
	b.facts.FreshUntil = left.FreshUntil
	b.inputs.Set(append(b.sources(), slices.Collect(maps.Keys(left.Inputs))...))
	b.stampRecord()
	b.pass()
	b.log.Info(logmsg.FilesKept,
		logkey.Generation, record.Generation, logkey.Renews, left.FreshUntil, expires(left.Expires))
}

// stillFresh says whether the files on disk are the answer to the present
// configuration, and no new one is due. Where templates ask for nothing there is
// no need to know: rendering them costs no request.
func (b *Bundle) stillFresh(ctx context.Context, now time.Time) bool {
	left := b.seen.memo
	if b.block != nil && len(b.first) == 0 {
		return false
	}
	for _, m := range b.certificates {
		if !m.looked || m.renewal(b.env.Host, now).Due(now) {
			return false
		}
		left.FreshUntil = earlier(left.FreshUntil, m.renewal(b.env.Host, now).At)
	}
	if !b.allLoaded() || !b.seen.record.Intact || !b.onDisk || !left.sameInputs(b.inputsNow(ctx, left)) || !left.FreshUntil.After(now) {
		return false
	}
	b.seen.memo.FreshUntil = left.FreshUntil
	return true
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// questionNow says what the members ask for now, with the local files that the
// earlier run read.
func (b *Bundle) inputsNow(ctx context.Context, left recordPayload) recordPayload {
	s := newSource(ctx, nil)
	for path := range left.Inputs {
		_, _ = s.File(path) // one that cannot be read is missing from the digests
	}
	return b.inputsOf(s)
}

func (b *Bundle) allLoaded() bool {
	return !slices.ContainsFunc(b.templates, func(m *templateMember) bool { return m.template == nil })
}

// validOnDisk says whether the files on disk are a set with which the child may
// start although Vault does not answer.
func (b *Bundle) validOnDisk(now time.Time, record sinks.Record) bool {
	var paths []string
	for _, m := range b.templates {
		if m.variable != "" {
			return false
		}
		paths = append(paths, m.file.Path)
	}
	for _, m := range b.certificates {
		paths = append(paths, m.paths()...)
	}
	for _, f := range record.Files {
		paths = append(paths, f.Path)
	}
	slices.Sort(paths)
	set := fileSet{b.name, slices.Compact(paths), b.certificates}
	return len(set.missing(now)) == 0
}
