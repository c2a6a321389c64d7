// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"errors"
	"slices"

	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/sinks"
)

// claims keep a second agent away from our destinations.
type claims []*sinks.Claim

func (c claims) close() {
	for _, claim := range c {
		_ = claim.Close() // a lock that is not given back ends with us
	}
}

// claim claims all destinations. That a directory cannot be written to now is no
// reason not to start: publishing will say so until it can.
func (r *assembly) claim() (claims, error) {
	var all claims
	claim := func(t target, files []sinks.File) error {
		one, err := t.claim(files)
		switch {
		case errors.Is(err, sinks.ErrClaimed):
			return &Failure{Code: ExitPublish, Err: err}
		case err != nil:
			r.Logger.Warn("nothing keeps a second agent from publishing to the same files", logkey.Error, err)
		default:
			all = append(all, one)
		}
		return nil
	}
	err := claim(target{}, destinations(r.members.templates))
	for _, b := range r.members.blocks {
		t := newTarget(b.config)
		if lookUp := t.lookUp(); lookUp != nil {
			r.Logger.Error("the owner of a bundle's directory is not known", logkey.Bundle, b.config.Name, logkey.Error, lookUp)
			continue // publishing says so as well
		}
		err = errors.Join(err, claim(t, b.files()))
	}
	if err != nil {
		all.close()
		return nil, err
	}
	return all, nil
}

// recover completes or rolls back what a crash left in the destinations'
// directories, and returns what is recorded there.
func (r *assembly) recover(ctx context.Context) []sinks.Record {
	dirs := target{}.homes(pathsOf(destinations(r.members.templates)))
	for _, b := range r.members.blocks {
		dirs = append(dirs, newTarget(b.config).homes(pathsOf(b.files()))...)
	}
	slices.Sort(dirs)
	records, err := sinks.Recover(ctx, slices.Compact(dirs))
	if err != nil {
		r.Logger.Warn("clearing up after an earlier run", logkey.Error, err)
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

// form makes the bundles: those of the bundle blocks, and those of the templates
// at the top level, as far as it is known beforehand which of them share a
// secret.
func (r *assembly) form(ctx context.Context, records []sinks.Record) []*bundle {
	all := r.formTemplates()
	for _, b := range r.members.blocks {
		for _, m := range b.templates {
			_ = m.load() // the bundle's first rendering says what is wrong
		}
		all = append(all, newBlockBundle(r.parts, b))
	}
	byName := make(map[string][]sinks.Record, len(records))
	for _, record := range records {
		byName[record.Name] = append(byName[record.Name], record)
	}
	for _, b := range all {
		b.resume(ctx, b.recordOf(byName[b.recordName]))
	}
	return all
}

func (r *assembly) formTemplates() []*bundle {
	requests := make([][]secrets.Request, len(r.members.templates))
	for i, m := range r.members.templates {
		if err := m.load(); err != nil {
			continue // the bundle's first rendering says what is wrong
		}
		requests[i] = m.firstRequests()
		r.adopter.know(m, requests[i])
	}
	var all []*bundle
	for _, indexes := range group(requests) {
		var templates []*templateMember
		var reactions []*reaction
		for _, i := range indexes {
			templates = append(templates, r.members.templates[i])
			reactions = append(reactions, r.members.reactions[i])
		}
		all = append(all, newTemplateBundle(r.parts, templates, reactions))
	}
	return all
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
