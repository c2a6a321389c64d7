// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/certagent/certagent/agent/config/hclread"
	"github.com/certagent/certagent/nearest"
)

// reader holds what reading the blocks of one file needs: the file, the list of
// problems, and the environment.
type reader struct {
	src       *hclread.Source
	problems  *Problems
	lookupEnv func(string) (string, bool)
	// duplicates is the kind of problem that a key set twice is: LoadError, or
	// Warning in JSON and where Vault Agent allows it.
	duplicates Kind
}

func (r *reader) report(kind Kind, block, name string, offset int, message, hint string) {
	*r.problems = append(*r.problems, Problem{
		Kind: kind, Pos: r.src.Pos(offset), Block: block, Name: name, Message: message, Hint: hint,
	})
}

// scope is a block that is being read. It records which keys and blocks it was
// asked for, and finally reports the others as unknown.
type scope struct {
	*reader
	title         string // for messages, such as `method "approle"`
	labels        []string
	items         []hclread.Item
	offset        int
	accepted      []string
	invalid       []string // keys that get has reported
	caseSensitive bool     // for the names of keys
	unknownHint   string   // for unknown keys that are like no known one
}

// problem reports a problem with a key of this block or, if name is empty, with
// the block.
func (s *scope) problem(kind Kind, name, message, hint string) {
	offset := s.offset
	if found := s.find(name); len(found) > 0 {
		offset = found[len(found)-1].Offset
	}
	s.report(kind, s.title, name, offset, message, hint)
}

// pos returns the place of the block.
func (s *scope) pos() Pos { return s.src.Pos(s.offset) }

// posOf returns the place of a key, which must exist; of the first one if there
// are several.
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

// value returns the value of a key; of the last one if there are several. It is
// absent if there is none.
func (s *scope) value(name string) hclread.Value {
	found := s.find(name)
	if len(found) == 0 {
		return hclread.Value{}
	}
	return found[len(found)-1].Value
}

func (s *scope) has(name string) bool { return s.value(name).Kind != hclread.Absent }

// mostHints limits how often finish searches for the nearest name.
const mostHints = 100

// finish reports every key that was not accepted: as LoadError if Vault Agent
// refuses the block, as Warning if it ignores the key.
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
			if hint = didYouMean(it.Name, s.accepted); hint == "" {
				hint = s.unknownHint
			}
		}
		s.report(unknown, s.title, it.Name, it.Offset, message, hint)
	}
}

// accept marks a key or block as known, so that finish does not report it.
func (s *scope) accept(name string) { s.accepted = append(s.accepted, name) }

func (s *scope) isAccepted(name string) bool {
	for _, known := range s.accepted {
		if known == name || !s.caseSensitive && strings.EqualFold(known, name) {
			return true
		}
	}
	return false
}

// checkDuplicates reports keys that are set twice.
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

// blocks returns all blocks of a name, in order. A label is ignored with a
// warning.
func (s *scope) blocks(name string) []*scope {
	all := s.labelled(name)
	for _, b := range all {
		if len(b.labels) > 0 {
			b.problem(Warning, "", "the label "+strconv.Quote(b.labels[0])+" is ignored", "")
		}
	}
	return all
}

// block returns the block of a name, or nil. It reports more than one.
func (s *scope) block(name string) *scope {
	return s.single(s.blocks(name))
}

// single returns the block, or nil if there is none. It reports more than one.
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

// lastBlock returns the last block of a name, or nil. The others are ignored
// with a warning, as Vault Agent ignores them.
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

// labelled returns all blocks of a name with their labels. In JSON the label is
// the key of an object around the block. An object that has a key from inner is
// the block itself: inner lists the blocks that the block may contain.
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

// child returns the scope of a block. Its place is that of its name or, in a
// list of blocks, that of its brace.
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
// config. Their names are case-sensitive. It is empty if there is no such
// block.
func (s *scope) settings(name string) *scope {
	merged := &scope{reader: s.reader, title: s.title + ": " + name, offset: s.offset, caseSensitive: true}
	for _, b := range s.blocks(name) {
		merged.items = append(merged.items, b.items...)
		merged.offset = b.offset
	}
	return merged
}

// typeName returns the type of a method, sink, listener or persist block: its
// type key, or else its label.
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

// unlabelled returns all blocks of a name and reports those that have a label.
// It is for blocks that Vault Agent does not know; for the others, see blocks.
func (s *scope) unlabelled(name string) []*scope {
	all := s.labelled(name)
	for _, b := range all {
		if len(b.labels) > 0 {
			b.problem(LoadError, "", "takes no label", "remove it")
		}
	}
	return all
}

// ownBlock returns the one block of a name, or nil. It reports a label, and
// more than one block.
func (s *scope) ownBlock(name string) *scope {
	return s.single(s.unlabelled(name))
}

// didYouMean returns a hint that names the known name nearest to an unknown one,
// or "" if none is near.
func didYouMean(name string, known []string) string {
	if name := nearestName(name, known); name != "" {
		return "did you mean " + strconv.Quote(name) + "?"
	}
	return ""
}

// nearestName returns the known name that is most like name, or "" if more than about
// a third of the letters differ.
func nearestName(name string, known []string) string {
	most := len(name) / 3
	if len(name) > 6 {
		most++
	}
	return nearest.Name(name, slices.Values(known), most)
}
