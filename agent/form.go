// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"slices"

	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/sinks"
)

// recover completes or rolls back what a crash left in the destinations'
// directories, and returns what is recorded there.
func (r *assembly) recover(ctx context.Context, all *members) []sinks.Record {
	dirs := target{}.homes(pathsOf(destinations(all.templates)))
	for _, b := range all.blocks {
		dirs = append(dirs, newTarget(b.config).homes(pathsOf(b.files()))...)
	}
	slices.Sort(dirs)
	records, err := sinks.Recover(ctx, slices.Compact(dirs))
	if err != nil {
		r.Logger.Warn(logmsg.RecoveryFailed, logkey.Error, err)
	}
	return records
}

// recordOf finds the record that a bundle left; the zero value if there is none.
func (b *bundle) recordOf(records []sinks.Record) sinks.Record {
	for _, record := range records {
		if record.Name == b.recordName && b.target.holds(record) {
			return record
		}
	}
	return sinks.Record{}
}

// form makes the bundles of members: those of the bundle blocks, and those of the
// templates at the top level, as far as it is known beforehand which of them share
// a secret. They take up what an earlier run has left.
func (r *assembly) form(ctx context.Context, all *members) []*bundle {
	bundles := r.formTemplates(all)
	for _, b := range all.blocks {
		for _, m := range b.templates {
			_ = m.load() // the bundle's first rendering says what is wrong
		}
		bundles = append(bundles, newBlockBundle(r.parts, b))
	}
	records := r.recover(ctx, all)
	byName := make(map[string][]sinks.Record, len(records))
	for _, record := range records {
		byName[record.Name] = append(byName[record.Name], record)
	}
	for _, b := range bundles {
		b.resume(ctx, b.recordOf(byName[b.recordName]))
	}
	return bundles
}

func (r *assembly) formTemplates(all *members) []*bundle {
	requests := make([][]secrets.Request, len(all.templates))
	for i, m := range all.templates {
		if err := m.load(); err != nil {
			continue // the bundle's first rendering says what is wrong
		}
		requests[i] = m.firstRequests()
		r.adopter.know(m, requests[i])
	}
	var bundles []*bundle
	for _, indexes := range group(requests) {
		var templates []*templateMember
		var reactions []*reaction
		for _, i := range indexes {
			templates = append(templates, all.templates[i])
			reactions = append(reactions, all.reactions[i])
		}
		bundles = append(bundles, newTemplateBundle(r.parts, templates, reactions))
	}
	return bundles
}

// firstRequests returns what the template asks for before it was answered
// anything. It is executed for that only if its text does not tell.
func (m *templateMember) firstRequests() []secrets.Request {
	if requests := m.template.Requests(); len(requests) > 0 {
		return secretsRequests(requests)
	}
	result, _ := m.template.Execute(nothing{}) // its failure is met again when it is rendered
	return secretsRequests(result.Missing)
}
