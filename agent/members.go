// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"errors"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/sinks"
)

// members are all members that a configuration speaks of.
type members struct {
	// templates are those at the top level, each with its reaction; which of them
	// form a bundle is found out.
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

// newMembers makes the members, with indexes from first on. The error names all
// that cannot be made.
func newMembers(cfg *config.Config, first int) (*members, error) {
	all := &members{count: first}
	next := func() int {
		all.count++
		return all.count - 1
	}
	for i := range cfg.Templates {
		t := &cfg.Templates[i]
		all.templates = append(all.templates, newFileMember(next(), t, t.Destination))
		all.reactions = append(all.reactions, newReaction(&t.Change))
	}
	for _, t := range cfg.EnvTemplates { // there is an exec block then
		var change config.Change
		if takesEnvironment(cfg) {
			change = config.Change{Mode: config.Restart, Exec: everyChild, Pos: t.Pos}
		}
		all.templates = append(all.templates, newVariableMember(next(), t))
		all.reactions = append(all.reactions, newReaction(&change))
	}
	var errs []error
	for i := range cfg.Bundles {
		b, err := newBlock(&cfg.Bundles[i], next)
		errs = append(errs, err)
		all.blocks = append(all.blocks, b)
	}
	all.space()
	return all, errors.Join(errs...)
}

func newBlock(c *config.Bundle, next func() int) (block, error) {
	b := block{config: c, reaction: newReaction(&c.Change)}
	b.reaction.minInterval = c.MinInterval
	var errs []error
	for _, m := range c.Members {
		if m.Template != nil {
			b.templates = append(b.templates, newFileMember(next(), m.Template, c.Path(m.Template.Destination)))
			continue
		}
		member, err := newCertificateMember(next(), m.Certificate, c)
		errs = append(errs, err)
		b.certificates = append(b.certificates, member)
	}
	return b, errors.Join(errs...)
}

// space has a change wait for equal ones of other bundles, where there are any.
func (m *members) space() {
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

// files are where the bundle's files go, without content.
func (b block) files() []sinks.File {
	files := destinations(b.templates)
	for _, m := range b.certificates {
		for _, o := range m.outputs {
			files = append(files, o.file)
		}
	}
	return files
}

// destinations are where the templates' output goes, without content.
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
