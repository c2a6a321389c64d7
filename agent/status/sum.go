// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package status

import (
	"fmt"
	"strings"
	"time"
)

// AwaitsVault reports whether the agent waits for Vault alone before everything is
// published, so that an operator need not act.
func (a Agent) AwaitsVault() bool {
	if a.Login == Operator {
		return false
	}
	awaits := len(a.Bundles) == 0 && a.Login == Vault
	for _, b := range a.Bundles {
		if b.Published {
			continue
		}
		if b.Awaits != Vault {
			return false
		}
		awaits = true
	}
	return awaits
}

// renews returns when the first bundle renews a secret, and when it tries to if that
// is held back; zero if none does.
func (a Agent) renews() (first, tries time.Time) {
	for _, b := range a.Bundles {
		if !b.Renews.IsZero() && (first.IsZero() || b.Renews.Before(first)) {
			first, tries = b.Renews, b.Tries
		}
	}
	return first, tries
}

func (a Agent) published(now time.Time) int {
	n := 0
	for _, b := range a.Bundles {
		if b.good(now) {
			n++
		}
	}
	return n
}

func (a Agent) owed() int {
	n := 0
	for _, b := range a.Bundles {
		n += b.Owed
	}
	return n
}

// named is how many bundles a line names; it counts the others.
const named = 3

// names returns the names of the bundles for which is is true; "" if there are none.
func (a Agent) names(is func(Bundle) bool) string {
	var names []string
	more := 0
	for _, b := range a.Bundles {
		switch {
		case !is(b):
		case len(names) == named:
			more++
		default:
			names = append(names, b.Name)
		}
	}
	text := strings.Join(names, ", ")
	if more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
