// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"io/fs"
	"strconv"
)

// Template is one file that is rendered from secrets, and what happens when it
// has changed.
type Template struct {
	Text
	Destination    string
	CreateDestDirs bool
	Perms          fs.FileMode // permission bits only; meaningful if PermsSet
	PermsSet       bool
	User, Group    string // a name or a number; empty: not set
	Backup         bool
	SandboxPath    string // what the file function is confined to; empty: nothing
	Wait           Wait
	Change         Change
	Pos            Pos
}

// Text is what templates and environment templates have in common.
type Text struct {
	Source   string // a file; empty: the text is in Contents
	Contents string

	ErrorOnMissingKey bool
	// ErrorFatal is read for Vault Agent's sake: false says that a template that
	// fails must not end the agent, and in certagent none does.
	ErrorFatal            bool
	LeftDelim, RightDelim string // empty: "{{" and "}}"
	FunctionDenylist      []string
}

func readTemplate(s *scope) Template {
	t := readTemplateFile(s)
	t.Change = readChange(s)
	t.check(s)
	return t
}

// readTemplateFile reads all but the reaction.
func readTemplateFile(s *scope) Template {
	t := Template{Text: readText(s), CreateDestDirs: true, Pos: s.pos()}
	get(s, "destination", asString, &t.Destination)
	get(s, "create_dest_dirs", asBool, &t.CreateDestDirs)
	get(s, "backup", asBool, &t.Backup)
	get(s, "sandbox_path", asString, &t.SandboxPath)
	t.readOwner(s)
	t.readPerms(s)
	t.Wait = readWait(s)
	return t
}

// check ends the reading of the block.
func (t *Template) check(s *scope) {
	refuseNomadKeys(s)
	s.finish(LoadError)

	if t.Destination == "" {
		s.problem(StartError, "destination", "is missing", "say which file is to be written")
	}
	if t.Source == "" && t.Contents == "" {
		s.problem(StartError, "", "has neither source nor contents", "give one of them")
	}
	if t.Source != "" && t.Contents != "" {
		s.problem(StartError, "contents", "excludes source", "give one of them")
	}
}

// refuseNomadKeys names the keys of Nomad's template block that are others here.
func refuseNomadKeys(s *scope) {
	s.refuse("data", "unknown key, of Nomad", "here it is contents")
	s.refuse("env", "unknown key, of Nomad", "use env_template with an exec block")
	s.refuse("once", "unknown key, of Nomad", "use exit_after_auth for the whole configuration")
	s.refuse("vault_grace", "unknown key, of Nomad", "remove it: it had no effect there either")
}

func readText(s *scope) Text {
	t := Text{ErrorFatal: true}
	get(s, "source", asString, &t.Source)
	get(s, "contents", asString, &t.Contents)
	get(s, "error_on_missing_key", asBool, &t.ErrorOnMissingKey)
	get(s, "error_fatal", asBool, &t.ErrorFatal)
	get(s, "left_delimiter", asString, &t.LeftDelim)
	get(s, "right_delimiter", asString, &t.RightDelim)
	for _, name := range []string{"function_denylist", "function_blacklist"} {
		var denied []string
		get(s, name, asCommaList, &denied)
		t.FunctionDenylist = append(t.FunctionDenylist, denied...)
	}
	return t
}

// readOwner: uid and gid count where user and group are not given.
func (t *Template) readOwner(s *scope) {
	get(s, "user", asString, &t.User)
	get(s, "group", asString, &t.Group)
	t.User = idInstead(s, "user", t.User, "uid")
	t.Group = idInstead(s, "group", t.Group, "gid")
}

func idInstead(s *scope, name, owner, idName string) string {
	id := -1
	switch {
	case !get(s, idName, asInteger, &id):
	case s.has(name):
		s.problem(Warning, idName, "is ignored, because "+name+" is given", "")
	case id >= 0:
		return strconv.Itoa(id)
	}
	return owner
}

// readPerms: no permissions, and 0, keep those of an existing file.
func (t *Template) readPerms(s *scope) {
	var mode int
	if get(s, "perms", asMode, &mode) && mode != 0 {
		t.Perms = readMode(s, LoadError, "perms", mode)
		t.PermsSet = true
	}
}
