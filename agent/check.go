// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/secrets"
)

// Check looks at what a configuration names besides itself, templates and
// owners, and says what the agent would make of it, a line a bundle. It asks
// nothing of Vault and writes nothing.
func Check(cfg *config.Config) (summary string, errs []error) {
	members := newMembers(cfg)
	requests := make([][]secrets.Request, len(members))
	for i, m := range members {
		if err := m.load(); err != nil {
			errs = append(errs, fmt.Errorf("%s: template %q: %w", m.pos, m.name, err))
		} else {
			requests[i] = m.firstRequests()
		}
		if _, _, err := m.owner.ids(); err != nil {
			errs = append(errs, fmt.Errorf("%s: template %q: %w", m.pos, m.name, err))
		}
	}
	var b strings.Builder
	for _, indexes := range group(requests) {
		var bundle []*member
		for _, i := range indexes {
			bundle = append(bundle, members[i])
		}
		summarise(&b, bundle)
	}
	return b.String(), errs
}

// summarise says what a bundle publishes, with which promise, and what follows.
func summarise(b *strings.Builder, bundle []*member) {
	var names, changes []string
	files := 0
	for _, m := range bundle {
		names = append(names, m.name)
		if m.variable == "" {
			files++
		}
		if what := describe(m.change); m.key != "" && !slices.Contains(changes, what) {
			changes = append(changes, what)
		}
	}
	how := "each file by one rename"
	switch {
	case files == 0:
		how = "variables of the child"
	case files > 1:
		how = "file by file under a journal: a crash leaves no mixed set, a reader may see one for a moment"
	}
	then := "nothing"
	if len(changes) > 0 {
		then = strings.Join(changes, ", ")
	}
	fmt.Fprintf(b, "bundle %s\n  published: %s\n  then: %s\n", strings.Join(names, ", "), how, then)
}
