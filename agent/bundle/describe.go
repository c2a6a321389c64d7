// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/exec"
	"github.com/certagent/certagent/vaultreq"
)

// Check checks what a configuration refers to, template files and owners, and
// returns a summary of what the agent would do with it, a few lines for each
// bundle. It does not talk to Vault and writes nothing.
func Check(cfg *config.Config) (summary string, errs []error) {
	all := NewMembers(cfg, 0)
	var b strings.Builder
	requests := make([][]vaultreq.Request, len(all.templates))
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

// check returns the mistakes in what the template refers to.
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
	promiseFile      = "one file, by one rename"
	promiseVariables = "environment variables of the child"
	promiseFiles     = "file by file, crash-safe; a reader may see a mixed set for a moment"
	promiseDirectory = "by one symlink rename; opening the directory gives one complete set"
)

// summariseTemplates writes the summary of a bundle of templates at the top level:
// its members, how they are published, and the change.
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
	change := "none"
	if len(changes) > 0 {
		change = strings.Join(changes, ", ")
	}
	fmt.Fprintf(b, "bundle %s\n  publish: %s\n  change: %s\n", strings.Join(names, ", "), how, change)
}

// summarise writes the summary of a bundle block.
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
		key := "made on this host and never sent"
		if m.spec.Key.Type == "vault" {
			key = "made by Vault and sent to this host"
		}
		fmt.Fprintf(b, "  certificate: %s, private key %s\n", m.spec.Path(), key)
	}
	fmt.Fprintf(b, "  publish: %s\n", how)
	if c.config.Check != nil {
		restored := "the previous generation"
		if c.config.Directory == "" {
			restored = "the previous files, except after a crash"
		}
		fmt.Fprintf(b, "  check: %s; a failure restores %s\n", exec.CommandLine(c.config.Check.Command), restored)
	}
	change := "none"
	if c.reaction.key != "" {
		change = c.reaction.String()
	}
	fmt.Fprintf(b, "  change: %s\n", change)
	if v := c.config.Verify; v != nil {
		fallback := ""
		if v.Fallback != nil {
			fallback = "; fallback: " + newReaction(v.Fallback).String()
		}
		fmt.Fprintf(b, "  verify: TLS handshakes with %s%s\n", strings.Join(v.Addresses, ", "), fallback)
	}
}
