// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/sinks"
)

// claim keeps a second agent away from our destinations. That a directory
// cannot be written to now is no reason not to start: publishing will say so
// until it can.
func (r *assembly) claim() (*sinks.Claim, error) {
	var files []sinks.File
	for _, m := range r.members {
		if m.variable == "" {
			files = append(files, m.file)
		}
	}
	claim, err := sinks.ClaimDestinations(files)
	switch {
	case errors.Is(err, sinks.ErrClaimed):
		return nil, &Failure{Code: ExitPublish, Err: err}
	case err != nil:
		r.Logger.Warn("nothing keeps a second agent from publishing to the same files", logkey.Error, err)
		return new(sinks.Claim), nil
	}
	return claim, nil
}

// recover completes or rolls back what a crash left in the destinations'
// directories, and returns what is recorded, by name.
func (r *assembly) recover(ctx context.Context) map[string]sinks.Record {
	var dirs []string
	for _, m := range r.members {
		if m.variable == "" {
			dirs = append(dirs, filepath.Dir(m.file.Path))
		}
	}
	slices.Sort(dirs)
	records, err := sinks.Recover(ctx, slices.Compact(dirs))
	if err != nil {
		r.Logger.Warn("clearing up after an earlier run", logkey.Error, err)
	}
	byName := make(map[string]sinks.Record, len(records))
	for _, record := range records {
		byName[record.Name] = record
	}
	return byName
}

// form makes the bundles, as far as it is known beforehand which templates
// share a secret.
func (r *assembly) form(ctx context.Context, records map[string]sinks.Record) []*bundle {
	requests := make([][]secrets.Request, len(r.members))
	for i, m := range r.members {
		if err := m.load(); err != nil {
			continue // the bundle's first rendering says what is wrong
		}
		requests[i] = m.firstRequests()
		r.adopter.know(m, requests[i])
	}
	var all []*bundle
	for _, indexes := range group(requests) {
		var members []*member
		var asked []secrets.Request
		for _, i := range indexes {
			members = append(members, r.members[i])
			asked = append(asked, requests[i]...)
		}
		b := newBundle(r.parts, members, asked)
		b.resume(ctx, records[recordName(members)])
		all = append(all, b)
	}
	return all
}

// firstRequests returns what the template asks for before it was answered
// anything. It is executed for that only if its text does not tell.
func (m *member) firstRequests() []secrets.Request {
	if requests := m.template.Requests(); len(requests) > 0 {
		return secretsRequests(requests)
	}
	result, _ := m.template.Execute(nothing{}) // its failure is met again when it is rendered
	return secretsRequests(result.Missing)
}
