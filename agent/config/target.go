// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"iter"
	"strconv"
)

// readTarget reads which process a change is about.
func (c *Change) readTarget(s *scope) {
	get(s, "pid_file", asString, &c.PIDFile)
	if get(s, "change_exec", asString, &c.Exec) && c.Exec == "" {
		s.problem(LoadError, "change_exec", "is empty", "leave it out if there is one exec block only")
	}
	if s.has("change_exec") {
		c.ExecPos = s.posOf("change_exec")
	}
}

// targetsChild says whether the change is one of a child.
func (c *Change) targetsChild() bool {
	return c.Mode == Restart || c.Mode == Signal && c.PIDFile == ""
}

// changes are all changes, with the titles of their blocks.
func (d *document) changes() iter.Seq2[string, *Change] {
	return func(yield func(string, *Change) bool) {
		for i := range d.templates {
			if !yield("template", &d.templates[i].Change) {
				return
			}
		}
		for i := range d.bundles {
			b := &d.bundles[i]
			if !yield(b.title(), &b.Change) {
				return
			}
			if b.Verify != nil && b.Verify.Fallback != nil && !yield(b.title()+": verify: fallback", b.Verify.Fallback) {
				return
			}
		}
	}
}

// nameTargets names the only exec block in the changes that are about its child.
func (d *document) nameTargets() {
	if len(d.execs) != 1 {
		return
	}
	for _, c := range d.changes() {
		if c.targetsChild() {
			c.Exec = d.execs[0].Name
		}
	}
}

// checkTargets: a change that concerns a child needs one, and of several it must
// say which.
func (v validator) checkTargets() {
	for block, c := range v.changes() {
		named := c.ExecPos != Pos{}
		switch {
		case !c.targetsChild():
		case len(v.execs) == 0 && c.Mode == Restart:
			v.problem(ValidateError, c.Pos, block, "change_mode", "there is nothing to restart", "add an exec block")
		case len(v.execs) == 0:
			v.problem(ValidateError, c.Pos, block, "change_mode", "there is nothing to signal", "add pid_file, or an exec block")
		case named && c.Exec != "":
			v.checkNamed(block, c)
		case !named && len(v.execs) > 1:
			v.problem(ValidateError, c.Pos, block, "change_mode", "does not say which of the exec blocks is meant",
				v.namesHint("add change_exec = "))
		}
	}
}

func (v validator) checkNamed(block string, c *Change) {
	var names []string
	for _, e := range v.execs {
		if e.Name == c.Exec {
			return
		}
		names = append(names, e.Name)
	}
	hint := v.namesHint("write ")
	if near := nearest(c.Exec, names); near != "" {
		hint = "did you mean " + strconv.Quote(near) + "?"
	}
	v.problem(ValidateError, c.ExecPos, block, "change_exec", "there is no exec block "+strconv.Quote(c.Exec), hint)
}

// namesHint lists the names that there are, after what to do with one. The block
// without a label has none.
func (v validator) namesHint(do string) string {
	var names []string
	for _, e := range v.execs {
		if e.Name != "" {
			names = append(names, e.Name)
		}
	}
	switch {
	case len(names) == len(v.execs):
		return do + eitherOf(names)
	case len(names) == 0:
		return "remove it: there is one exec block, without a label"
	}
	return do + eitherOf(names) + ", or give the exec block without a label one"
}
