// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"crypto/x509"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/inspect"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/sinks"
)

// newTemplateBundle makes a bundle of templates at the top level.
func newTemplateBundle(p *parts, templates []*templateMember, reactions []*reaction) *bundle {
	b := newBundle(p, templates[0].name)
	b.templates, b.reactions = templates, reactions
	for _, m := range templates {
		if m.variable == "" {
			// Named after its first destination, a record is found again whatever
			// else the bundle holds.
			b.recordName = digest(m.file.Path)[:12]
			break
		}
	}
	b.begin()
	return b
}

// newBlockBundle makes the bundle of a bundle block.
func newBlockBundle(p *parts, c block) *bundle {
	b := newBundle(p, c.config.Name)
	b.block, b.target, b.recordName = c.config, newTarget(c.config), c.config.Name
	b.templates, b.certificates, b.reactions = c.templates, c.certificates, []*reaction{c.reaction}
	b.answers = make(chan issued, len(c.certificates))
	if v := c.config.Verify; v != nil && v.Fallback != nil {
		b.fallback = newReaction(*v.Fallback)
	}
	b.begin()
	return b
}

func newBundle(p *parts, name string) *bundle {
	return &bundle{
		parts:    p,
		name:     name,
		log:      p.log.With(logkey.Bundle, name),
		noticed:  make(map[secrets.Request]uint64),
		failures: make(map[plan.Action]int),
		stamps:   make(map[string]stamp),
		bornAt:   time.Now().Round(0),
	}
}

// begin subscribes to what the members ask for first.
func (b *bundle) begin() {
	b.secrets, b.issuers = b.store.Subscribe(), b.store.Subscribe()
	b.inputs = b.watcher.Subscribe(b.sources())
	b.askFirst()
	if len(b.certificates) > 0 {
		b.watchIssuers()
	}
}

// resume takes up what an earlier run left: the certificates on disk, what is
// owed, and files that need no new answer yet.
func (b *bundle) resume(ctx context.Context, record sinks.Record) {
	now := time.Now().Round(0)
	b.onDisk = b.validOnDisk(now, record)
	left, err := parseMemo(record.Payload)
	if record.Name != "" && err != nil {
		b.log.Warn("the record of an earlier run is not used", logkey.Error, err)
		left = memo{}
	}
	b.seen.record, b.seen.memo = record, left
	b.seen.owed = b.takeUpOwed(left.Owed)
	b.logOwed()
	b.lookAtDisk(now)
	b.facts.Unchecked = left.Unchecked && b.block != nil && b.block.Check != nil
	b.seen.leaves = b.leavesOnDisk()
	b.facts.Unverified = b.proves() && len(b.leavesToServe()) > 0 // or there is nothing to prove before it is published
	if b.rejected = left.Rejected; b.rejected != "" {
		b.facts.RetryPublish = now.Add(slowBackoff.Min)
	}
	if record.Name == "" || err != nil || !b.stillFresh(ctx, now) {
		return
	}
	b.facts.FreshUntil = left.FreshUntil
	b.inputs.Set(append(b.sources(), slices.Collect(maps.Keys(left.Inputs))...))
	b.stampRecord()
	b.pass()
	b.log.Info("the files on disk are still good; nothing is asked of Vault",
		logkey.Generation, record.Generation, logkey.Renews, left.FreshUntil, expires(left.Expires))
}

// stillFresh says whether the files on disk are the answer to the present
// configuration, and no new one is due. Where templates ask for nothing there is
// no need to know: rendering them costs no request.
func (b *bundle) stillFresh(ctx context.Context, now time.Time) bool {
	left := b.seen.memo
	if b.block != nil && len(b.first) == 0 {
		return false
	}
	for _, m := range b.certificates {
		if !m.looked || m.renewal(b.host, now).Due(now) {
			return false
		}
		left.FreshUntil = earlier(left.FreshUntil, m.renewal(b.host, now).At)
	}
	if !b.allLoaded() || !b.seen.record.Intact || !b.onDisk || !left.sameQuestion(b.questionNow(ctx, left)) || !left.FreshUntil.After(now) {
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

// lookAtDisk takes up the certificates on disk, as far as that is possible
// without an answer from Vault.
func (b *bundle) lookAtDisk(now time.Time) {
	for _, m := range b.certificates {
		if m.looked {
			continue
		}
		source := newSource(context.Background(), func(r secrets.Request) (*secrets.Answer, bool) {
			answer, _ := b.secrets.Get(r)
			return answer, answer != nil
		})
		password, known, err := m.password.read(source)
		if !m.look(password, known && err == nil, b.seen.memo.Certificates[m.name], now) {
			if err != nil && !m.blind {
				b.log.Error("nothing can be made of the certificate without its password", logkey.Certificate, m.name, logkey.Error, err)
			}
			m.blind = err != nil
			continue
		}
		if m.publishable() && !m.renewal(b.host, now).Due(now) {
			b.log.Info("the certificate on disk is still good", logkey.Certificate, m.name,
				logkey.Serial, certificate.Serial(m.pair.Leaf), logkey.Renews, m.renewal(b.host, now).At, expires(m.pair.Leaf.NotAfter))
		}
	}
}

// leavesOnDisk are the certificates' leaves as far as files without a password
// hold them.
func (b *bundle) leavesOnDisk() (leaves []*x509.Certificate) {
	for _, m := range b.certificates {
		pair, _ := m.onDisk(func(o output) bool { return !o.HasPassword() }, "")
		if pair.Leaf == nil {
			pair.Leaf = m.pair.Leaf
		}
		if pair.Leaf != nil {
			leaves = append(leaves, pair.Leaf)
		}
	}
	return leaves
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
	return !slices.ContainsFunc(b.templates, func(m *templateMember) bool { return m.template == nil })
}

// validOnDisk says whether the files on disk are a set with which the child may
// start although Vault does not answer.
func (b *bundle) validOnDisk(now time.Time, record sinks.Record) bool {
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
	templates := append(slices.Clone(b.templates), other.templates...)
	reactions := append(slices.Clone(b.reactions), other.reactions...)
	order := make(map[*reaction]int, len(templates))
	for i, r := range reactions {
		order[r] = templates[i].index
	}
	slices.SortFunc(templates, func(x, y *templateMember) int { return x.index - y.index })
	slices.SortFunc(reactions, func(x, y *reaction) int { return order[x] - order[y] })
	merged := newTemplateBundle(b.parts, templates, reactions)
	merged.first = unique(append(slices.Clone(b.wanted), other.wanted...))
	merged.wanted = merged.first
	merged.seen = b.seen
	merged.bornAt = b.bornAt
	merged.onDisk = b.onDisk && other.onDisk
	merged.mayStart = b.mayStart && other.mayStart
	merged.seen.owed = append(slices.Clone(b.seen.owed), slices.DeleteFunc(slices.Clone(other.seen.owed), func(o owed) bool {
		return slices.ContainsFunc(b.seen.owed, func(p owed) bool { return p.key == o.key })
	})...)
	// Without a record of its own the bundle has nowhere to note what it owes yet:
	// then the other's stays.
	if merged.seen.record.Name != "" && other.seen.record.Name != "" {
		merged.save(ctx)
		if err := sinks.Remove(ctx, other.seen.record); err != nil && ctx.Err() == nil {
			merged.log.Warn("the record of a bundle that became part of this one was not removed", logkey.Error, err)
		}
	}
	merged.fetch()
	return merged
}

// close lets go of what the bundle subscribed to.
func (b *bundle) close() {
	b.secrets.Close()
	b.issuers.Close()
	b.inputs.Close()
}
