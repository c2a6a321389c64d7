// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strconv"
	"strings"
)

// nearest returns the known name that is most like an unknown one, or "" if
// none is: about a third of the letters may differ. Of two that are as near, the
// first of the alphabet counts, because the order of known may be random.
func nearest(name string, known []string) string {
	const longest = 64 // nobody mistypes a longer one, and distance is quadratic
	if len(name) > longest {
		return ""
	}
	best, bestDistance := "", len(name)/3+1
	if len(name) > 6 {
		bestDistance++
	}
	for _, candidate := range known {
		d := distance(name, candidate)
		if d < bestDistance || d == bestDistance && best != "" && candidate < best {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance counts the letters to insert, delete or replace (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

func didYouMean(name string, known []string) string {
	if name := nearest(strings.ToLower(name), known); name != "" {
		return "did you mean " + strconv.Quote(name) + "?"
	}
	return ""
}
