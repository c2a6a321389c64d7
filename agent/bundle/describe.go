// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/secrets"
)

// Check looks at what a configuration names besides itself, templates and
// owners, and says what the agent would make of it, a few lines a bundle. It asks
// nothing of Vault and writes nothing.
func Check(cfg *config.Config) (summary string, errs []error) {
	all, err := NewMembers(cfg, 0)
	if err != nil {
		return "", []error{err}
	}
	var b strings.Builder
	requests := make([][]secrets.Request, len(all.templates))
	for i, m := range all.templates {
		errs = append(errs, m.check()...)
		if m.template != nil {
			requests[i] = m.firstRequests()
		}
	}
	for _, indexes := range group(requests) {
		var templates []*templateMember
		var reactions []*reaction
		for _, i := range indexes {
			templates = append(templates, all.templates[i])
			reactions = append(reactions, all.reactions[i])
		}
		summariseTemplates(&b, templates, reactions)
	}
	for _, block := range all.blocks {
		for _, m := range block.templates {
			errs = append(errs, m.check()...)
		}
		for _, m := range block.certificates {
			if _, _, err := m.owner.ids(); err != nil {
				errs = append(errs, fmt.Errorf("%s: certificate %q: %w", m.pos, m.name, err))
			}
		}
		block.summarise(&b)
	}
	return b.String(), errs
}

// check says what is wrong with what the template names.
func (m *templateMember) check() (errs []error) {
	if err := m.load(); err != nil {
		errs = append(errs, fmt.Errorf("%s: template %q: %w", m.pos, m.name, err))
	}
	if _, _, err := m.owner.ids(); err != nil {
		errs = append(errs, fmt.Errorf("%s: template %q: %w", m.pos, m.name, err))
	}
	return errs
}

const (
	promiseFile      = "each file by one rename"
	promiseVariables = "variables of the child"
	promiseFiles     = "file by file under a journal: a crash leaves no mixed set, a reader may see one for a moment"
	promiseDirectory = "all files by one rename of a link: a reader that opens the directory sees the old set or the new one, whenever a crash comes"
)

// summariseTemplates says what a bundle of templates at the top level publishes,
// with which promise, and what follows.
func summariseTemplates(b *strings.Builder, templates []*templateMember, reactions []*reaction) {
	var names, changes []string
	files := 0
	for i, m := range templates {
		names = append(names, m.name)
		if m.variable == "" {
			files++
		}
		if what := reactions[i].String(); reactions[i].key != "" && !slices.Contains(changes, what) {
			changes = append(changes, what)
		}
	}
	how := promiseFile
	switch {
	case files == 0:
		how = promiseVariables
	case files > 1:
		how = promiseFiles
	}
	then := "nothing"
	if len(changes) > 0 {
		then = strings.Join(changes, ", ")
	}
	fmt.Fprintf(b, "bundle %s\n  published: %s\n  then: %s\n", strings.Join(names, ", "), how, then)
}

// summarise says the same of a bundle block.
func (c block) summarise(b *strings.Builder) {
	how := promiseFiles
	switch {
	case c.config.Directory != "":
		how = promiseDirectory
	case len(c.files()) == 1:
		how = promiseFile
	}
	fmt.Fprintf(b, "bundle %s\n", c.config.Name)
	for _, m := range c.certificates {
		key := "made on this host; it never leaves it"
		if m.spec.Key.Type == "vault" {
			key = "made by Vault; it travels"
		}
		fmt.Fprintf(b, "  certificate: %s, private key %s\n", m.spec.Path(), key)
	}
	fmt.Fprintf(b, "  published: %s\n", how)
	if c.config.Check != nil {
		back := "the previous generation comes back"
		if c.config.Directory == "" {
			back = "the files from before are published again, unless certagent was killed in between"
		}
		fmt.Fprintf(b, "  checked: by %s; if it refuses, %s\n", c.config.Check.Command[0], back)
	}
	fmt.Fprintf(b, "  then: %s\n", c.reaction)
	if v := c.config.Verify; v != nil {
		fallback := ""
		if v.Fallback != nil {
			fallback = "; if the old certificate stays: " + newReaction(v.Fallback).String()
		}
		fmt.Fprintf(b, "  verified: by handshakes with %s%s\n", strings.Join(v.Addresses, ", "), fallback)
	}
}
