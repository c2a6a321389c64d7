// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"cmp"
	"slices"
	"strings"

	"github.com/certagent/certagent/agent/config/hclread"
)

// Kind is the kind of a problem: when Vault Agent refuses such a configuration.
// For blocks that Vault Agent does not have, such as a bundle, a LoadError is a
// value that cannot be understood, and a ValidateError one that contradicts
// another.
type Kind int

const (
	// LoadError is a mistake that Vault Agent refuses when it reads the file.
	LoadError Kind = iota
	// ValidateError is a mistake that Vault Agent refuses when it checks the
	// whole configuration.
	ValidateError
	// StartError is a mistake that Vault Agent finds only when it starts or
	// first uses the value. certagent reports it before it starts.
	StartError
	// Unsupported is valid in Vault Agent and refused by certagent.
	Unsupported
	// Warning is accepted, but probably not intended.
	Warning
)

// String returns the name of the kind.
func (k Kind) String() string {
	return [...]string{"load error", "validate error", "start error", "unsupported", "warning"}[k]
}

// Pos is a place in a configuration file. The zero value is no place, for
// example for an environment variable.
type Pos = hclread.Pos

// Problem is one error or warning about the configuration.
type Problem struct {
	Kind       Kind
	Pos        Pos
	Block      string // such as `method "approle"`; empty at the top level
	Name       string // the key; empty if the problem is with the block
	Message    string
	Hint       string // what to do; empty if the message is enough
	SourceLine string // the line at Pos
}

// Error returns the problem as text: place and message, the source line, and
// the hint.
func (p Problem) Error() string {
	text := p.Line()
	if p.SourceLine != "" {
		text += "\n    " + p.SourceLine
	}
	if p.Hint != "" {
		text += "\n  hint: " + p.Hint
	}
	return text
}

// Line returns the problem as one line, without its hint: place and message.
func (p Problem) Line() string {
	severity := ""
	if p.Kind == Warning {
		severity = "warning"
	}
	var parts []string
	for _, part := range []string{p.Pos.String(), severity, p.Block, p.Name, p.Message} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

// Problems are all problems, sorted by file and line.
type Problems []Problem

// Error returns all problems, one after the other.
func (ps Problems) Error() string {
	texts := make([]string, len(ps))
	for i, p := range ps {
		texts[i] = p.Error()
	}
	return strings.Join(texts, "\n")
}

// Errors returns the problems that make the configuration unusable.
func (ps Problems) Errors() Problems {
	return ps.filter(func(p Problem) bool { return p.Kind != Warning })
}

// Warnings returns the problems that do not make the configuration unusable.
func (ps Problems) Warnings() Problems {
	return ps.filter(func(p Problem) bool { return p.Kind == Warning })
}

func (ps Problems) filter(keep func(Problem) bool) Problems {
	var kept Problems
	for _, p := range ps {
		if keep(p) {
			kept = append(kept, p)
		}
	}
	return kept
}

// sort sorts the problems by file, in the order in which the files were read,
// then by line and column, and adds the source lines. Problems without a place
// come last.
func (ps Problems) sort(sources []*hclread.Source) {
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
