// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/vaultreq"
)

// fromTemplates returns the bundle of templates at the top level, each with its
// reaction. There is at least one.
func fromTemplates(e *Env, templates []*templateMember, reactions []*reaction) *Bundle {
	b := newBundle(e, templates[0].name)
	b.templates, b.reactions = templates, reactions
	for _, m := range templates {
		if m.variable == "" {
			// Named for its first destination, the record is found again even if other
			// members come or go.
			b.recordName = digest(m.file.Path)[:12]
			break
		}
	}
	b.begin()
	b.subscribe()
	return b
}

// fromBlock returns the bundle of a bundle block.
func fromBlock(e *Env, c block) *Bundle {
	b := newBundle(e, c.config.Name)
	b.block, b.target, b.recordName = c.config, newTarget(c.config), c.config.Name
	b.templates, b.certificates, b.reactions = c.templates, c.certificates, []*reaction{c.reaction}
	b.answers, b.probes = make(chan issueResult, len(c.certificates)), make(chan probeResult)
	b.sight.changed = make(chan struct{}, 1)
	if v := c.config.Verify; v != nil && v.Fallback != nil {
		b.fallback = newReaction(v.Fallback)
	}
	b.begin()
	b.subscribe()
	return b
}

func newBundle(e *Env, name string) *Bundle {
	return &Bundle{
		env:     e,
		name:    name,
		log:     e.Log.With(logkey.Bundle, name),
		noticed: make(map[vaultreq.Request]uint64),
		reasons: make(map[plan.Trouble]error),
		stamps:  make(map[string]fileStat),
		target:  newTarget(nil),
	}
}

// subscribe subscribes to what the members ask for first.
func (b *Bundle) subscribe() {
	b.secrets, b.issuers = b.env.Store.Subscribe(), b.env.Store.Subscribe()
	b.inputs = b.env.Watcher.Subscribe(b.sources())
	b.askFirst()
	if len(b.certificates) > 0 {
		b.watchIssuers()
	}
}

// Close ends the bundle's subscriptions. Run must have returned.
func (b *Bundle) Close() {
	for _, r := range b.runs {
		b.env.runs.leave(r, b)
	}
	b.secrets.Close()
	b.issuers.Close()
	b.inputs.Close()
}
