// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package policy

import (
	"slices"
	"strings"
)

// The capabilities.
const (
	Create    = "create"
	ReadCap   = "read"
	Update    = "update"
	DeleteCap = "delete"
	ListCap   = "list"
	Sudo      = "sudo"
	Deny      = "deny"
	Root      = "root" // the result of Capabilities for the root policy
)

var known = []string{Create, ReadCap, Update, DeleteCap, ListCap, Sudo, Deny, "patch", "subscribe", "recover"}

type capabilities map[string]bool

// ACL is the combination of a token's policies.
type ACL struct {
	root  bool
	rules map[string]capabilities // by path; the union of the policies' capabilities
}

// NewACL combines policies. With root, everything is allowed.
func NewACL(root bool, policies []*Policy) *ACL {
	a := &ACL{root: root, rules: make(map[string]capabilities)}
	for _, p := range policies {
		for _, r := range p.rules {
			if a.rules[r.path] == nil {
				a.rules[r.path] = capabilities{}
			}
			for c := range r.capabilities {
				a.rules[r.path][c] = true
			}
		}
	}
	return a
}

// Allows reports whether the ACL grants a capability on a path. The path of a list
// ends in a slash; a rule without the slash applies too.
func (a *ACL) Allows(path, capability string) bool {
	if a.root {
		return true
	}
	c := a.find(path, capability == ListCap)
	return c[capability] && !c[Deny]
}

// Capabilities lists the capabilities on a path, in alphabetical order.
func (a *ACL) Capabilities(path string) []string {
	if a.root {
		return []string{Root}
	}
	c := a.find(path, strings.HasSuffix(path, "/"))
	if len(c) == 0 || c[Deny] {
		return []string{Deny}
	}
	var names []string
	for name := range c {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// AllowsBelow reports whether the ACL can grant a capability on some path that
// begins with a prefix.
func (a *ACL) AllowsBelow(prefix string) bool {
	if a.root {
		return true
	}
	for path, c := range a.rules {
		fixed := path
		if i := strings.IndexAny(path, "+*"); i >= 0 {
			fixed = path[:i]
		}
		overlaps := strings.HasPrefix(fixed, prefix) || fixed != path && strings.HasPrefix(prefix, fixed)
		if overlaps && len(c) > 0 && !c[Deny] {
			return true
		}
	}
	return false
}

// find returns the capabilities of the most specific rule: the exact one, or the
// first in Vault's order of priority.
func (a *ACL) find(path string, list bool) capabilities {
	paths := []string{path}
	if bare := strings.TrimSuffix(path, "/"); list && bare != path {
		paths = append(paths, bare)
	}
	for _, p := range paths {
		if c, ok := a.rules[p]; ok {
			return c
		}
	}
	best := ""
	var found capabilities
	for rulePath, c := range a.rules {
		for _, p := range paths {
			if matches(rulePath, p) && (found == nil || higher(rulePath, best)) {
				best, found = rulePath, c
			}
		}
	}
	return found
}

// matches reports whether the path of a rule, with wildcards, matches a path.
func matches(rule, path string) bool {
	prefix, glob := strings.CutSuffix(rule, "*")
	if !strings.Contains(prefix, "+") {
		return glob && strings.HasPrefix(path, prefix)
	}
	want, got := strings.Split(prefix, "/"), strings.Split(path, "/")
	if len(got) < len(want) || len(got) > len(want) && !glob {
		return false
	}
	for i, w := range want {
		last := glob && i == len(want)-1
		if w != "+" && w != got[i] && !(last && strings.HasPrefix(got[i], w)) {
			return false
		}
	}
	return true
}

// higher compares two rules by the five criteria that Vault documents under
// "priority matching": first wildcard later, no glob, fewer +, longer, greater.
func higher(a, b string) bool {
	if x, y := strings.IndexAny(a, "+*"), strings.IndexAny(b, "+*"); x != y {
		return x > y
	}
	if x, y := strings.HasSuffix(a, "*"), strings.HasSuffix(b, "*"); x != y {
		return y
	}
	if x, y := strings.Count(a, "+"), strings.Count(b, "+"); x != y {
		return x < y
	}
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a > b
}
