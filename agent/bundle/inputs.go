// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"slices"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/vaultreq"
)

// sources returns the templates' source files.
func (b *Bundle) sources() []string {
	var paths []string
	for _, m := range b.templates {
		if m.source != "" {
			paths = append(paths, m.source)
		}
	}
	return paths
}

// reload reads the templates again after a local file has changed.
func (b *Bundle) reload(ctx context.Context) {
	for _, m := range b.templates {
		if m.source == "" {
			continue
		}
		if err := m.load(); err != nil {
			b.log.Error(logmsg.TemplateNotReloaded, logkey.Path, m.source, logkey.Error, err, templateHint(err))
		}
	}
	switch {
	case b.state.Fetching:
		b.askAnew()
	case b.allLoaded():
		if origin := b.state.Published.Origin; origin.SameInputs(b.inputsNow(ctx, origin)) {
			return // a file was written, but its content is the same
		}
		b.askFirst()
	}
	b.apply(plan.InputsChanged{Now: now()})
}

// askFirst sets the wanted requests to the members' first ones.
func (b *Bundle) askFirst() {
	b.first = b.firstRequests()
	b.wanted = b.first
}

// firstRequests returns the requests that the members make before they have any
// answer.
func (b *Bundle) firstRequests() []vaultreq.Request {
	var requests []vaultreq.Request
	for _, m := range b.templates {
		if m.template != nil {
			requests = append(requests, m.firstRequests()...)
		}
	}
	for _, m := range b.certificates {
		requests = append(requests, m.password.requests()...)
	}
	return unique(requests)
}

// askAnew sets the wanted requests to the members' first ones and those that have
// an answer. Unanswered requests are dropped: a changed template may not make them
// any more, and must not wait for them.
func (b *Bundle) askAnew() {
	answered := slices.DeleteFunc(slices.Clone(b.wanted), func(r vaultreq.Request) bool {
		answer, _ := b.secrets.Get(r)
		return answer == nil
	})
	b.askFirst()
	first := b.wanted
	b.wanted = nil // so that want asks the store
	b.want(append(slices.Clone(first), answered...))
}
