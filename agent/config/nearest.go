// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strconv"
	"strings"

	"github.com/agext/levenshtein"
)

// didYouMean returns a hint that names the known name nearest to an unknown one,
// or "" if none is near.
func didYouMean(name string, known []string) string {
	if name := nearest(strings.ToLower(name), known); name != "" {
		return "did you mean " + strconv.Quote(name) + "?"
	}
	return ""
}

// nearest returns the known name with the smallest Levenshtein distance to name,
// or "" if more than about a third of the letters differ. Of several that are
// equally near it returns the first in the alphabet, so that the order of known
// does not matter.
func nearest(name string, known []string) string {
	const longest = 64 // nobody mistypes a longer name, and the time grows with the square of the length
	if len(name) > longest {
		return ""
	}
	best, bestDistance := "", len(name)/3+1
	if len(name) > 6 {
		bestDistance++
	}
	for _, candidate := range known {
		d := levenshtein.Distance(name, candidate, nil)
		if d < bestDistance || d == bestDistance && best != "" && candidate < best {
			best, bestDistance = candidate, d
		}
	}
	return best
}
