// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strconv"
	"strings"
)

// reader holds what decoding one file needs: the file, where problems go, and
// the environment.
type reader struct {
	src       *source
	problems  *Problems
	lookupEnv func(string) (string, bool)
	// duplicates is what a key that is set twice is: an error, or, in JSON and
	// where Vault Agent has been told so, a warning.
	duplicates Kind
}

func (r *reader) report(kind Kind, block, name string, offset int, message, hint string) {
	*r.problems = append(*r.problems, Problem{
		Kind: kind, Pos: r.src.pos(offset), Block: block, Name: name, Message: message, Hint: hint,
	})
}

// scope is one block while it is decoded. It remembers which names it was asked
// for, and complains about the others in the end.
type scope struct {
	*reader
	title  string // how messages name it, such as `method "approle"`
	labels []string
	items  []item
	offset int
	asked  []string
	exact  bool // names are compared with their case
}

// problem reports a complaint about a key of this block, or about the block.
func (s *scope) problem(kind Kind, name, message, hint string) {
	offset := s.offset
	if found := s.find(name); len(found) > 0 {
		offset = found[len(found)-1].offset
	}
	s.report(kind, s.title, name, offset, message, hint)
}

// pos returns where the block starts.
func (s *scope) pos() Pos { return s.src.pos(s.offset) }

// posOf returns where a key is, of the first one if there are several. There is
// one.
func (s *scope) posOf(name string) Pos { return s.src.pos(s.find(name)[0].offset) }

func (s *scope) find(name string) []item {
	var found []item
	for _, it := range s.items {
		if it.name == name || !s.exact && strings.EqualFold(it.name, name) {
			found = append(found, it)
		}
	}
	return found
}

// value returns the value of a key, of the last one if there are several. It is
// absent if there is none.
func (s *scope) value(name string) value {
	found := s.find(name)
	if len(found) == 0 {
		return value{}
	}
	return found[len(found)-1].value
}

func (s *scope) has(name string) bool { return s.value(name).kind != absent }

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
		if s.isAsked(it.name) {
			continue
		}
		hint := ""
		if count++; count <= mostHints {
			hint = didYouMean(it.name, s.asked)
		}
		s.report(unknown, s.title, it.name, it.offset, message, hint)
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
		if !it.assigned {
			continue
		}
		line, seen := first[it.name]
		if !seen {
			first[it.name] = s.src.pos(it.offset).Line
			continue
		}
		s.report(s.duplicates, s.title, it.name, it.offset,
			"the key is set twice; it was set in line "+strconv.Itoa(line), "keep one of them")
	}
}
