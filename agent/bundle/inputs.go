// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"slices"
	"time"

	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// sources are the members' template files.
func (b *Bundle) sources() []string {
	var paths []string
	for _, m := range b.templates {
		if m.source != "" {
			paths = append(paths, m.source)
		}
	}
	return paths
}

// reload reads the templates' sources again after a local file has changed.
func (b *Bundle) reload(ctx context.Context) {
	for _, m := range b.templates {
		if m.source == "" {
			continue
		}
		if err := m.load(); err != nil {
			b.log.Error(logmsg.TemplateNotReloaded, logkey.Path, m.source, logkey.Error, err)
		}
	}
	switch {
	case b.facts.Fetching:
		b.askAnew()
	case b.allLoaded():
		if b.seen.memo.sameQuestion(b.questionNow(ctx, b.seen.memo)) {
			return // a file was touched, but holds what it held
		}
		b.askFirst()
	}
	b.noteChange(time.Now().Round(0))
	b.facts.FreshUntil = time.Time{}
}

// askFirst has the bundle ask for what its members, as they are now, ask first.
func (b *Bundle) askFirst() {
	b.first = b.firstRequests()
	b.wanted = b.first
}

// firstRequests are what the members ask for before they were answered anything.
func (b *Bundle) firstRequests() []secrets.Request {
	var requests []secrets.Request
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

// askAnew has the bundle ask for what its templates ask first and keep what it
// was answered. What it asked for in vain is let go of: a template that names it
// no longer must not wait for it.
func (b *Bundle) askAnew() {
	answered := slices.DeleteFunc(slices.Clone(b.wanted), func(r secrets.Request) bool {
		answer, _ := b.secrets.Get(r)
		return answer == nil
	})
	b.askFirst()
	first := b.wanted
	b.wanted = nil // so that want tells the store
	b.want(append(slices.Clone(first), answered...))
}
