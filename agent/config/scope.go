// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strconv"
	"strings"

	"github.com/certagent/certagent/agent/config/hclread"
)

// reader holds what decoding one file needs: the file, where problems go, and
// the environment.
type reader struct {
	src       *hclread.Source
	problems  *Problems
	lookupEnv func(string) (string, bool)
	// duplicates is what a key that is set twice is: an error, or, in JSON and
	// where Vault Agent has been told so, a warning.
	duplicates Kind
}

func (r *reader) report(kind Kind, block, name string, offset int, message, hint string) {
	*r.problems = append(*r.problems, Problem{
		Kind: kind, Pos: r.src.Pos(offset), Block: block, Name: name, Message: message, Hint: hint,
	})
}

// scope is one block while it is decoded. It remembers which names it was asked
// for, and complains about the others in the end.
type scope struct {
	*reader
	title  string // how messages name it, such as `method "approle"`
	labels []string
	items  []hclread.Item
	offset int
	asked  []string
	exact  bool // names are compared with their case
}

// problem reports a complaint about a key of this block, or about the block.
func (s *scope) problem(kind Kind, name, message, hint string) {
	offset := s.offset
	if found := s.find(name); len(found) > 0 {
		offset = found[len(found)-1].Offset
	}
	s.report(kind, s.title, name, offset, message, hint)
}

// pos returns where the block starts.
func (s *scope) pos() Pos { return s.src.Pos(s.offset) }

// posOf returns where a key is, of the first one if there are several. There is
// one.
func (s *scope) posOf(name string) Pos { return s.src.Pos(s.find(name)[0].Offset) }

func (s *scope) find(name string) []hclread.Item {
	var found []hclread.Item
	for _, it := range s.items {
		if it.Name == name || !s.exact && strings.EqualFold(it.Name, name) {
			found = append(found, it)
		}
	}
	return found
}

// value returns the value of a key, of the last one if there are several. It is
// absent if there is none.
func (s *scope) value(name string) hclread.Value {
	found := s.find(name)
	if len(found) == 0 {
		return hclread.Value{}
	}
	return found[len(found)-1].Value
}

func (s *scope) has(name string) bool { return s.value(name).Kind != hclread.Absent }

// mostHints bounds the search for nearest names in one block.
const mostHints = 100

// finish complains about every key that was not asked for: with LoadError if
// Vault Agent refuses the block, with Warning if it ignores the key.
func (s *scope) finish(unknown Kind) {
	s.checkDuplicates()
	message := "unknown key"
	if unknown == Warning {
		message = "unknown key, ignored"
	}
	count := 0
	for _, it := range s.items {
		if s.isAsked(it.Name) {
			continue
		}
		hint := ""
		if count++; count <= mostHints {
			hint = didYouMean(it.Name, s.asked)
		}
		s.report(unknown, s.title, it.Name, it.Offset, message, hint)
	}
}

func didYouMean(name string, known []string) string {
	if name := nearest(strings.ToLower(name), known); name != "" {
		return "did you mean " + strconv.Quote(name) + "?"
	}
	return ""
}

func (s *scope) isAsked(name string) bool {
	for _, asked := range s.asked {
		if asked == name || !s.exact && strings.EqualFold(asked, name) {
			return true
		}
	}
	return false
}

// checkDuplicates complains about keys that are set twice.
func (s *scope) checkDuplicates() {
	first := map[string]int{}
	for _, it := range s.items {
		if !it.Assigned {
			continue
		}
		line, seen := first[it.Name]
		if !seen {
			first[it.Name] = s.src.Pos(it.Offset).Line
			continue
		}
		s.report(s.duplicates, s.title, it.Name, it.Offset,
			"the key is set twice; it was set in line "+strconv.Itoa(line), "keep one of them")
	}
}
