// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/sinks"
)

// resume continues with what an earlier run left: the certificates on disk, pending
// changes, and files that need no new answer yet.
func (b *Bundle) resume(ctx context.Context, record sinks.Record) {
	e := plan.Resumed{Now: now(), Payload: b.parseRecord(record)}
	b.published.record = record
	b.loadFromDisk(e.Payload.Certificates, e.Now)
	b.published.leaves = b.leavesHeld()
	e.Ending = b.endingOnDisk(e.Now)
	e.OnDisk = b.validOnDisk(e.Now, record)
	e.Serves = b.verifies() && len(b.leavesToServe()) > 0
	if e.OnDisk && record.Intact {
		e.FreshUntil = b.freshOnDisk(ctx, e.Payload.Origin(), e.Now)
	}
	b.apply(e)
	b.logPending()
	if e.FreshUntil.IsZero() {
		return
	}
	b.inputs.Set(append(b.sources(), slices.Collect(maps.Keys(e.Payload.Inputs))...))
	b.tightenKeys()
	b.stampRecord()
	b.log.Info(logmsg.FilesKept,
		logkey.Generation, record.Generation, logkey.Renews, e.FreshUntil, expires(e.Payload.Expires))
}

// parseRecord returns what the record of an earlier run keeps; nothing if it cannot
// be read.
func (b *Bundle) parseRecord(record sinks.Record) plan.Payload {
	if record.Name == "" {
		return plan.Payload{}
	}
	left, err := plan.ParsePayload(record.Payload)
	for _, text := range left.Certificates {
		_, wrong := parseIssued(text)
		err = errors.Join(err, wrong)
	}
	if err != nil {
		b.log.Warn(logmsg.RecordIgnored, logkey.Error, err)
		return plan.Payload{}
	}
	return left
}

// freshOnDisk returns until when the files on disk are the answer to the present
// configuration; zero if they are not. Where templates ask for nothing there is no
// need to know: rendering them costs no request.
func (b *Bundle) freshOnDisk(ctx context.Context, left plan.Origin, now time.Time) time.Time {
	if b.block != nil && len(b.first) == 0 {
		return time.Time{}
	}
	until := left.FreshUntil
	for i, m := range b.certificates {
		renewal := m.renewal(b.env.Host, now)
		if !b.state.Certificates[i].Loaded || renewal.Due(now) {
			return time.Time{}
		}
		until = earlier(until, renewal.At)
	}
	if !b.allLoaded() || !left.SameInputs(b.inputsNow(ctx, left)) || !until.After(now) {
		return time.Time{}
	}
	return until
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// inputsNow returns the inputs of a rendering now, with the local files that the
// earlier run read.
func (b *Bundle) inputsNow(ctx context.Context, left plan.Origin) plan.Origin {
	s := newSource(ctx, nil)
	for path := range left.Inputs {
		_, _ = s.File(path) // one that cannot be read is missing from the digests
	}
	return b.inputsOf(s)
}

func (b *Bundle) allLoaded() bool {
	return !slices.ContainsFunc(b.templates, func(m *templateMember) bool { return m.template == nil })
}

// validOnDisk reports whether the files on disk are complete and valid, so that the
// child may start even if Vault does not answer.
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
	set := fileSet{name: b.name, paths: slices.Compact(paths), certificates: b.certificates}
	missing, _ := set.missing(now)
	return len(missing) == 0 && b.noPlaceholders(record)
}

// noPlaceholders reports whether each of the templates' files is known: published by an
// earlier run, or one with certificates or keys, which inspect has checked.
func (b *Bundle) noPlaceholders(record sinks.Record) bool {
	known := make(map[fileSum]bool, len(record.Files))
	for _, f := range record.Files {
		known[fileSum{f.Path, f.SHA256}] = true
	}
	return !slices.ContainsFunc(plainFiles(b.templates), func(f fileSum) bool { return !known[f] })
}
