// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strconv"
	"strings"
)

// EnvTemplate is the env_template block: one variable of the child's
// environment, rendered from secrets.
type EnvTemplate struct {
	Text
	Name string // of the variable
	Pos  Pos
}

// notInEnvTemplate are the keys of a template that have no meaning without a
// file.
var notInEnvTemplate = []string{
	"backup", "command", "command_timeout", "create_dest_dirs", "destination", "exec", "perms",
	"user", "uid", "group", "gid", "wait", "sandbox_path",
	"change_mode", "change_signal", "change_script", "splay", "pid_file", "change_exec",
}

func readEnvTemplate(s *scope) EnvTemplate {
	e := EnvTemplate{Text: readText(s), Pos: s.pos()}
	for _, name := range notInEnvTemplate {
		s.accept(name)
		if s.has(name) {
			s.problem(ValidateError, name, "is not allowed in env_template", "")
		}
	}
	s.finish(LoadError)
	if len(s.labels) != 1 {
		s.problem(LoadError, "", "must have one label, the variable's name", `write env_template "NAME" { … }`)
		return e
	}
	e.Name = s.labels[0]
	if e.Name == "" || strings.ContainsAny(e.Name, "=\x00") {
		s.problem(StartError, "", strconv.Quote(e.Name)+" is not a valid variable name", "")
	}
	e.checkText(s)
	return e
}

func (e *EnvTemplate) checkText(s *scope) {
	switch source, contents := s.has("source"), s.has("contents"); {
	case !source && !contents:
		s.problem(ValidateError, "", "has neither source nor contents", "set one of them")
	case source && contents:
		s.problem(ValidateError, "contents", "cannot be combined with source", "keep one of them")
	case e.Source == "" && e.Contents == "":
		s.problem(StartError, "", "source or contents is empty", "")
	}
}

// checkEnvTemplates checks env_template blocks against the rest. Unlike Vault
// Agent, certagent accepts them together with templates that write files.
func (v validator) checkEnvTemplates() {
	if len(v.envTemplates) > 0 && v.apiProxy != nil {
		v.problem(ValidateError, v.apiProxy.pos, "api_proxy", "", "cannot be combined with env_template", "")
	}
	first := map[string]Pos{}
	for _, e := range v.envTemplates {
		block := "env_template " + strconv.Quote(e.Name)
		if len(v.execs) == 0 {
			v.problem(ValidateError, e.Pos, block, "", "needs an exec block", `add exec { command = ["PROGRAM"] }`)
		}
		if earlier, seen := first[e.Name]; seen {
			v.problem(ValidateError, e.Pos, block, "", "the variable is already set at "+earlier.String(), "")
			continue
		}
		first[e.Name] = e.Pos
	}
}
