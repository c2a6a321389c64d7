// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"cmp"
	"slices"

	"github.com/certagent/certagent/agent/config/hclread"
)

// arrange sorts the problems by file, in the order in which the files were
// read, then by line and column, and adds the source lines. Problems without a
// place come last.
func (ps Problems) arrange(sources []*hclread.Source) {
	order := map[string]int{"": len(sources)}
	byName := map[string]*hclread.Source{}
	for i, s := range sources {
		if _, seen := byName[s.Name]; !seen {
			order[s.Name], byName[s.Name] = i, s
		}
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(order[a.Pos.File], order[b.Pos.File]),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column),
		)
	})
	for i := range ps {
		if s := byName[ps[i].Pos.File]; s != nil {
			ps[i].SourceLine = s.Excerpt(ps[i].Pos)
		}
	}
}
