// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"
	"strconv"
)

// readExecs reads Vault Agent's one block without a label, and ours with one
// each.
func readExecs(s *scope) []Exec {
	var all []Exec
	line := 0 // of the block without a label
	for _, b := range s.labelled("exec", "command", "signals") {
		switch e := readExec(b); {
		case e.Name != "" || line == 0:
			all = append(all, e)
			if e.Name == "" {
				line = e.Pos.Line
			}
		default:
			b.problem(LoadError, "", "there may be only one such block without a label; the first is in line "+strconv.Itoa(line),
				`give each a label: exec "NAME" { … }`)
		}
	}
	return all
}

// mergeExecs: the block without a label replaces that of an earlier file, as in
// Vault Agent. Those with labels add up.
func mergeExecs(earlier, later []Exec) []Exec {
	unlabelled := func(e Exec) bool { return e.Name == "" }
	if slices.ContainsFunc(later, unlabelled) {
		earlier = slices.DeleteFunc(slices.Clone(earlier), unlabelled)
	}
	return append(earlier, later...)
}

func (e *Exec) title() string {
	if e.Name == "" {
		return "exec"
	}
	return "exec " + strconv.Quote(e.Name)
}

func (v validator) checkExecs() {
	first := map[string]Pos{}
	for _, e := range v.execs {
		if earlier, seen := first[e.Name]; seen {
			v.problem(ValidateError, e.Pos, e.title(), "", "there is such a block already, at "+earlier.String(), "choose another name")
		}
		first[e.Name] = e.Pos
		if v.rendered() == 0 {
			v.problem(ValidateError, e.Pos, e.title(), "", "needs a template or an env_template", "")
		}
		v.checkVariables(e)
	}
}

// checkVariables: a child that does not wait for anything does not wait for the
// variables of its environment either.
func (v validator) checkVariables(e Exec) {
	switch {
	case !e.StartImmediately || len(v.envTemplates) == 0:
	case e.Restart:
		v.problem(Warning, e.Pos, e.title(), "start", "the child starts without the variables of env_template, and again when they are rendered", "")
	default:
		v.problem(ValidateError, e.Pos, e.title(), "start", "the child would never get the variables of env_template",
			`remove restart_on_secret_changes, or write start = "published"`)
	}
}
