// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"slices"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/sinks"
)

// Members are the templates and certificates of one configuration.
type Members struct {
	// templates are those at the top level, each with its reaction. Form finds out
	// which of them form a bundle.
	templates []*templateMember
	reactions []*reaction
	blocks    []block
	count     int // the first index that is free
}

// block is a bundle block with its members.
type block struct {
	config       *config.Bundle
	templates    []*templateMember
	certificates []*certificateMember
	reaction     *reaction
}

// NewMembers returns the members of a configuration, with indexes from first on.
func NewMembers(cfg *config.Config, first int) *Members {
	all := &Members{count: first}
	next := func() int {
		all.count++
		return all.count - 1
	}
	for i := range cfg.Templates {
		t := &cfg.Templates[i]
		all.templates = append(all.templates, newFileMember(next(), t, t.Destination))
		all.reactions = append(all.reactions, newReaction(&t.Change))
	}
	for _, t := range cfg.EnvTemplates { // they come with an exec block
		var change config.Change
		if restartable(cfg.Execs) {
			change = config.Change{Mode: config.Restart, Exec: EveryChild, Pos: t.Pos}
		}
		all.templates = append(all.templates, newVariableMember(next(), t))
		all.reactions = append(all.reactions, newReaction(&change))
	}
	for i := range cfg.Bundles {
		all.blocks = append(all.blocks, newBlock(&cfg.Bundles[i], next))
	}
	all.setDebounce()
	all.shareCommands()
	return all
}

// shareCommands gives equal commands, of which one runs for all, the settings of the
// first one, as in Vault Agent.
func (m *Members) shareCommands() {
	first := make(map[string]*config.Change)
	share := func(r *reaction) {
		if r.Mode != config.Command {
			return
		}
		one := first[r.key]
		if one == nil {
			first[r.key] = r.Change
			return
		}
		shared := *r.Change
		shared.Timeout, shared.KillTimeout = one.Timeout, one.KillTimeout
		r.Change = &shared
	}
	for _, r := range m.reactions {
		share(r)
	}
	for _, b := range m.blocks {
		share(b.reaction)
	}
}

func newBlock(c *config.Bundle, next func() int) block {
	b := block{config: c, reaction: newReaction(&c.Change)}
	b.reaction.minInterval = c.MinInterval
	for _, m := range c.Members {
		if m.Template != nil {
			b.templates = append(b.templates, newFileMember(next(), m.Template, c.Path(m.Template.Destination)))
			continue
		}
		b.certificates = append(b.certificates, newCertificateMember(next(), m.Certificate, c))
	}
	return b
}

// setDebounce lets the changes of bundle blocks wait for equal ones, where there are
// any.
func (m *Members) setDebounce() {
	equal := make(map[string]int)
	for _, b := range m.blocks {
		equal[b.reaction.key]++
	}
	for _, b := range m.blocks {
		if equal[b.reaction.key] > 1 {
			b.reaction.debounce = b.config.Debounce
		}
	}
}

// files returns the certificates' and templates' files, without content.
func (b block) files() []sinks.File {
	files := destinations(b.templates)
	for _, m := range b.certificates {
		for _, o := range m.outputs {
			files = append(files, o.file)
		}
	}
	return files
}

// destinations returns the templates' files, without content.
func destinations(templates []*templateMember) []sinks.File {
	var files []sinks.File
	for _, m := range templates {
		if m.variable == "" {
			files = append(files, m.file)
		}
	}
	return files
}

func pathsOf(files []sinks.File) []string {
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = f.Path
	}
	return paths
}

// Keep reports whether a bundle is as the configuration has it. If so, it removes
// the bundle's members from m, which holds those that are to be started.
func (m *Members) Keep(b *Bundle) bool {
	if b.block != nil {
		at := slices.IndexFunc(m.blocks, func(c block) bool { return config.Same(c.config, b.block) })
		if at < 0 {
			return false
		}
		m.blocks = slices.Delete(m.blocks, at, at+1)
		return true
	}
	var places []int
	for _, t := range b.templates {
		if t.config == nil { // a variable, which cannot change while the agent runs
			continue
		}
		at := slices.IndexFunc(m.templates, func(o *templateMember) bool { return o.config != nil && config.Same(*o.config, *t.config) })
		if at < 0 {
			return false
		}
		places = append(places, at)
	}
	slices.Sort(places)
	for _, at := range slices.Backward(places) {
		m.templates = slices.Delete(m.templates, at, at+1)
		m.reactions = slices.Delete(m.reactions, at, at+1)
	}
	return true
}

// TakeOverVariables adds the variables of a bundle that has been stopped.
func (m *Members) TakeOverVariables(b *Bundle) {
	for i, t := range b.templates {
		if t.variable != "" {
			m.templates = append(m.templates, t)
			m.reactions = append(m.reactions, b.reactions[i])
		}
	}
}

// Indexes returns those of all members.
func (m *Members) Indexes() []int {
	var all []int
	for _, t := range m.templates {
		all = append(all, t.index)
	}
	for _, b := range m.blocks {
		for _, t := range b.templates {
			all = append(all, t.index)
		}
		for _, c := range b.certificates {
			all = append(all, c.index)
		}
	}
	return all
}

// Next returns the first index that is free after those of m.
func (m *Members) Next() int { return m.count }

// Len returns how many templates at the top level and bundle blocks m holds.
func (m *Members) Len() int { return len(m.templates) + len(m.blocks) }

// restartable reports whether a child is restarted when its variables change.
func restartable(execs []config.Exec) bool {
	return slices.ContainsFunc(execs, func(e config.Exec) bool { return e.Restart })
}
