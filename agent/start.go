// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"time"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/logkey"
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
	b.answers, b.verdicts = make(chan issued, len(c.certificates)), make(chan verdict)
	if v := c.config.Verify; v != nil && v.Fallback != nil {
		b.fallback = newReaction(v.Fallback)
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

// close lets go of what the bundle subscribed to.
func (b *bundle) close() {
	b.secrets.Close()
	b.issuers.Close()
	b.inputs.Close()
}
