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
	Root      = "root" // what Capabilities shows for the root policy
)

var known = []string{Create, ReadCap, Update, DeleteCap, ListCap, Sudo, Deny, "patch", "subscribe", "recover"}

type capabilities map[string]bool

// ACL is what a token's policies say together.
type ACL struct {
	root  bool
	rules map[string]capabilities // by path, the policies' capabilities united
}

// NewACL unites policies; root allows everything.
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

// Allows says whether a capability is given on a path. A list's path ends in a
// slash, and a rule without the slash gives it as well.
func (a *ACL) Allows(path, capability string) bool {
	if a.root {
		return true
	}
	c := a.find(path, capability == ListCap)
	return c[capability] && !c[Deny]
}

// Capabilities lists what is given on a path, in alphabetical order.
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

// AllowsBelow says whether any path that begins with a prefix may be given
// anything.
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

// find returns the capabilities of the most specific rule: an exact one, else
// the first by Vault's order of priority.
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

// matches says whether a rule's path with wildcards covers a path.
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

// higher orders two rules by the five steps that Vault documents under
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
