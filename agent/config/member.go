// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"cmp"
	"slices"

	"github.com/certagent/certagent/agent/config/hclread"
)

// Member is a part of a bundle that makes files. One of the two is not nil.
type Member struct {
	Certificate *Certificate
	// Template has no Change, which is the bundle's. Its Perms are always set.
	Template *Template
}

// Pos returns where the member's block starts.
func (m Member) Pos() Pos {
	if m.Certificate != nil {
		return m.Certificate.Pos
	}
	return m.Template.Pos
}

// memberDefaults is what a bundle says for all of its members.
type memberDefaults struct {
	bundle *Bundle
	perms  filePerms
	renew  Renew
}

func readMembers(s *scope, d memberDefaults) []Member {
	var members []Member
	for _, b := range s.unlabelled("certificate") {
		members = append(members, Member{Certificate: readCertificate(b, d)})
	}
	for _, b := range s.unlabelled("template") {
		members = append(members, Member{Template: readMemberTemplate(b, d)})
	}
	slices.SortStableFunc(members, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.Pos().Line, b.Pos().Line), cmp.Compare(a.Pos().Column, b.Pos().Column))
	})
	return members
}

func readMemberTemplate(s *scope, d memberDefaults) *Template {
	t := readTemplateFile(s)
	refuseReaction(s)
	t.check(s)
	if t.Destination != "" {
		t.Destination = d.bundle.destination(s, "destination", t.Destination)
	}
	t.User = cmp.Or(t.User, d.bundle.User)
	t.Group = cmp.Or(t.Group, d.bundle.Group)
	if !t.PermsSet {
		t.Perms, t.PermsSet = d.perms.other, true
	}
	if t.Backup && d.bundle.Directory != "" {
		s.problem(Warning, "backup", "has no effect in a directory", "the two previous generations are kept there")
		t.Backup = false
	}
	return &t
}

// reactionKeys are what readChange reads, and what else delays a reaction.
var reactionKeys = []string{
	"change_mode", "change_signal", "change_script", "command", "command_timeout", "exec",
	"pid_file", "change_exec", "splay", "debounce", "min_interval",
}

// refuseReaction: the files of a bundle change together, so there is one
// reaction for all.
func refuseReaction(s *scope) {
	for _, name := range reactionKeys {
		s.refuse(name, "belongs to the bundle, whose members change together", "write it beside this block, not in it")
	}
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
	return s.only(s.unlabelled(name))
}

// positive reads a key that must be more than zero.
func positive[T cmp.Ordered](s *scope, name string, convert func(hclread.Value) (T, error), to *T) bool {
	var zero T
	read := zero
	if !get(s, name, convert, &read) {
		return false
	}
	if read <= zero {
		s.problem(LoadError, name, "must be more than 0", "leave it out for the default")
		return false
	}
	*to = read
	return true
}
