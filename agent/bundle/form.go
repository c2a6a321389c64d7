// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/sinks"
	"github.com/certagent/certagent/vaultreq"
)

// recover completes or rolls back what a crash left in the directories of the
// destinations, and returns the records that it finds there.
func (m *Members) recover(ctx context.Context, log *slog.Logger) []sinks.Record {
	dirs := newTarget(nil).RecoveryDirs(destinations(m.templates))
	for _, b := range m.blocks {
		dirs = append(dirs, newTarget(b.config).RecoveryDirs(b.files())...)
	}
	slices.Sort(dirs)
	records, err := sinks.Recover(ctx, slices.Compact(dirs))
	if err != nil {
		log.Warn(logmsg.RecoveryFailed, logkey.Error, err)
	}
	return records
}

// recordOf returns the bundle's record; the zero value if there is none. The newest
// is right if there are several, in different directories: the order of the files
// decides where a record is kept.
func (b *Bundle) recordOf(records []sinks.Record) (newest sinks.Record) {
	for _, record := range records {
		if record.Name == b.recordName && b.target.Owns(record) && record.Generation >= newest.Generation {
			newest = record
		}
	}
	return newest
}

// Form returns the bundles that the members form: one for each bundle block, and
// one for each set of templates at the top level that share a secret, as far as
// their first requests show it. The bundles resume from the records of an earlier
// run.
func (m *Members) Form(ctx context.Context, e *Env, a *Adopter) []*Bundle {
	bundles := m.formTemplates(e, a)
	for _, b := range m.blocks {
		for _, t := range b.templates {
			_ = t.load() // the first rendering reports the error
		}
		bundles = append(bundles, fromBlock(e, b))
	}
	records := m.recover(ctx, e.Log)
	byName := make(map[string][]sinks.Record, len(records))
	for _, record := range records {
		byName[record.Name] = append(byName[record.Name], record)
	}
	for _, b := range bundles {
		b.resume(ctx, b.recordOf(byName[b.recordName]))
	}
	return bundles
}

func (m *Members) formTemplates(e *Env, a *Adopter) []*Bundle {
	requests := make([][]vaultreq.Request, len(m.templates))
	for i, t := range m.templates {
		if err := t.load(); err != nil {
			continue // the first rendering reports the error
		}
		requests[i] = t.bindingRequests()
		a.add(t, requests[i])
	}
	var bundles []*Bundle
	for _, indexes := range group(requests) {
		var templates []*templateMember
		var reactions []*reaction
		for _, i := range indexes {
			templates = append(templates, m.templates[i])
			reactions = append(reactions, m.reactions[i])
		}
		bundles = append(bundles, fromTemplates(e, templates, reactions))
	}
	return bundles
}

// firstRequests returns the requests that the template makes before it has any
// answer. It executes the template only if its text does not show them.
func (m *templateMember) firstRequests() []vaultreq.Request {
	if requests := m.template.Requests(); len(requests) > 0 || !m.template.Asks() {
		return requests
	}
	ctx, cancel := context.WithTimeout(context.Background(), firstRequestsTimeout)
	defer cancel()
	if m.slow == m.template {
		return nil
	}
	result, _ := m.template.Execute(ctx, noAnswers{}) // the first rendering reports the error
	if ctx.Err() != nil {
		m.slow = m.template
	}
	return result.Missing
}

// firstRequestsTimeout limits the search for a template's first requests. Without them
// its first rendering finds them.
const firstRequestsTimeout = time.Second

// bindingRequests returns those of the first requests that the template shares a bundle
// for, with whoever makes them as well.
func (m *templateMember) bindingRequests() []vaultreq.Request {
	requests := m.firstRequests()
	if !m.loose {
		return requests
	}
	return slices.DeleteFunc(requests, func(r vaultreq.Request) bool { return !writes(r) })
}

// writes reports whether a request writes to Vault: its answer may be a new certificate.
// Any other answer has to be there to tell.
func writes(r vaultreq.Request) bool {
	return r.Kind == vaultreq.Certificate || r.Kind == vaultreq.Write
}

// binds reports whether a request binds even members that are loose: its answer has the
// parts of one thing, a certificate or credentials, which different files may hold.
func (s *source) binds(r vaultreq.Request) bool {
	if writes(r) {
		return true
	}
	answer := s.seen[r]
	return answer != nil && answer.Secret != nil && (answer.Secret.LeaseID != "" || holdsPEM(answer.Secret.Data))
}

// holdsPEM reports whether a certificate or a key is in the data of an answer.
func holdsPEM(value any) bool {
	switch v := value.(type) {
	case string:
		return strings.Contains(v, pemBegin)
	case []any:
		return slices.ContainsFunc(v, holdsPEM)
	case map[string]any:
		for _, item := range v {
			if holdsPEM(item) {
				return true
			}
		}
	}
	return false
}

// group partitions members into bundles: members that share a request, directly or
// through others, form one. Bundles and their members keep the order of the
// configuration.
func group[R comparable](requests [][]R) [][]int {
	parent := make([]int, len(requests))
	for i := range parent {
		parent[i] = i
	}
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	first := make(map[R]int)
	for i, asked := range requests {
		for _, request := range asked {
			other, known := first[request]
			if !known {
				first[request] = i
				continue
			}
			// The smaller index is the root, which keeps the order.
			a, b := root(i), root(other)
			parent[max(a, b)] = min(a, b)
		}
	}
	var bundles [][]int
	at := make(map[int]int)
	for i := range requests {
		r := root(i)
		if _, known := at[r]; !known {
			at[r] = len(bundles)
			bundles = append(bundles, nil)
		}
		bundles[at[r]] = append(bundles[at[r]], i)
	}
	return bundles
}
