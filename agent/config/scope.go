// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"
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
	title         string // how messages name it, such as `method "approle"`
	labels        []string
	items         []hclread.Item
	offset        int
	accepted      []string
	caseSensitive bool // names are compared with their case
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
		if it.Name == name || !s.caseSensitive && strings.EqualFold(it.Name, name) {
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
		if s.isAccepted(it.Name) {
			continue
		}
		hint := ""
		if count++; count <= mostHints {
			hint = didYouMean(it.Name, s.accepted)
		}
		s.report(unknown, s.title, it.Name, it.Offset, message, hint)
	}
}

// accept marks a key or block as known, so that finish does not refuse it.
func (s *scope) accept(name string) { s.accepted = append(s.accepted, name) }

func (s *scope) isAccepted(name string) bool {
	for _, asked := range s.accepted {
		if asked == name || !s.caseSensitive && strings.EqualFold(asked, name) {
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
			"the key is set twice; the first is on line "+strconv.Itoa(line), "keep one of them")
	}
}

// blocks returns all blocks of a name, in their order.
func (s *scope) blocks(name string) []*scope {
	all := s.labelled(name)
	for _, b := range all {
		if len(b.labels) > 0 {
			b.problem(Warning, "", "the label "+strconv.Quote(b.labels[0])+" is ignored", "")
		}
	}
	return all
}

// block returns the one block of a name, or nil. Several are an error.
func (s *scope) block(name string) *scope {
	return s.single(s.blocks(name))
}

// only returns the one block of several, or nil if there is none. More than one
// is an error.
func (s *scope) single(all []*scope) *scope {
	if len(all) == 0 {
		return nil
	}
	for _, b := range all[1:] {
		line := strconv.Itoa(all[0].pos().Line)
		b.problem(LoadError, "", "only one such block is allowed; the first is on line "+line, "")
	}
	return all[0]
}

// lastBlock returns the last block of a name, or nil, as Vault Agent does where
// it takes several.
func (s *scope) lastBlock(name string) *scope {
	all := s.blocks(name)
	if len(all) == 0 {
		return nil
	}
	for _, b := range all[:len(all)-1] {
		b.problem(Warning, "", "is ignored: a later block replaces it", "")
	}
	return all[len(all)-1]
}

// labelled returns all blocks of a name with their labels. In JSON an object
// around the blocks holds the label as its key, unless one of its keys is the
// name of a block that they contain themselves.
func (s *scope) labelled(name string, inner ...string) []*scope {
	s.accept(name)
	var all []*scope
	for _, it := range s.find(name) {
		if it.Value.Kind == hclread.Absent {
			continue
		}
		objects, ok := it.Value.Blocks()
		if !ok {
			s.report(LoadError, s.title, it.Name, it.Offset, "must be a block, not "+it.Value.Describe(), "write "+name+" { … }")
			continue
		}
		for _, o := range objects {
			all = append(all, s.inside(it, o, inner)...)
		}
	}
	return all
}

func (s *scope) inside(it hclread.Item, v hclread.Value, inner []string) []*scope {
	if len(inner) == 0 || len(it.Labels) > 0 || !s.src.IsJSON() || !holdsLabels(v.Object, inner) {
		return []*scope{s.child(it, it.Labels, v)}
	}
	var all []*scope
	for _, label := range v.Object.Items {
		objects, _ := label.Value.Blocks()
		for _, labelled := range objects {
			all = append(all, s.child(it, []string{label.Name}, labelled))
		}
	}
	return all
}

func holdsLabels(o *hclread.Object, inner []string) bool {
	for _, it := range o.Items {
		if _, ok := it.Value.Blocks(); !ok || slices.Contains(inner, it.Name) {
			return false
		}
	}
	return len(o.Items) > 0
}

// child is the scope of a block. Its place is its name, unless the name is that
// of a list of blocks.
func (s *scope) child(it hclread.Item, labels []string, v hclread.Value) *scope {
	title := strings.ToLower(it.Name)
	if s.title != "" {
		title = s.title + ": " + title
	}
	for _, label := range labels {
		title += " " + strconv.Quote(label)
	}
	offset := it.Offset
	if it.Value.Offset != v.Offset {
		offset = v.Offset
	}
	return &scope{reader: s.reader, title: title, labels: labels, items: v.Object.Items, offset: offset}
}

// settings returns the keys of a block that Vault Agent reads as a map, such as
// config: their names are compared with their case. It is empty if there is no
// such block.
func (s *scope) settings(name string) *scope {
	merged := &scope{reader: s.reader, title: s.title + ": " + name, offset: s.offset, caseSensitive: true}
	for _, b := range s.blocks(name) {
		merged.items = append(merged.items, b.items...)
		merged.offset = b.offset
	}
	return merged
}

// typed returns what kind of a method, sink, listener or persist a block is:
// its type key, or else its label.
func (s *scope) typeName() string {
	kind := ""
	if get(s, "type", asText, &kind) && kind != "" {
		return kind
	}
	if len(s.labels) == 1 {
		kind = strings.ToLower(s.labels[0])
	}
	if given := s.value("type").Kind; kind == "" && (given == hclread.Absent || given == hclread.String) {
		name := s.title[strings.LastIndexByte(s.title, ' ')+1:]
		s.problem(LoadError, "", "the type is missing", "write it as a label: "+name+` "TYPE" { … }`)
	}
	return kind
}

// unlabelled returns all blocks of a name that take no label, and, unlike
// blocks, refuses those that have one: Vault Agent does not know them.
func (s *scope) unlabelled(name string) []*scope {
	all := s.labelled(name)
	for _, b := range all {
		if len(b.labels) > 0 {
			b.problem(LoadError, "", "takes no label", "remove it")
		}
	}
	return all
}

// ownBlock returns the one block of a name that takes no label, or nil.
func (s *scope) ownBlock(name string) *scope {
	return s.single(s.unlabelled(name))
}
