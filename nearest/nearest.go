// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package nearest finds the known name that a mistyped one most likely means.
package nearest

import (
	"iter"
	"strings"

	"github.com/agext/levenshtein"
)

// Name returns the known name with the smallest Levenshtein distance to name, or ""
// if all differ in more than most letters. Case does not count. Of several that are
// equally near it returns the first in the alphabet, so that the order of known does
// not matter.
func Name(name string, known iter.Seq[string], most int) string {
	const longest = 64 // nobody mistypes a longer name, and the time grows with the square of the length
	if len(name) > longest {
		return ""
	}
	name = strings.ToLower(name)
	best, bestDistance := "", most+1
	for candidate := range known {
		d := levenshtein.Distance(name, strings.ToLower(candidate), nil)
		if d < bestDistance || d == bestDistance && best != "" && candidate < best {
			best, bestDistance = candidate, d
		}
	}
	return best
}
