// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
)

// Bundle is the files that change together, and what happens then.
type Bundle struct {
	// Name is unique, and fit to be part of a file's name.
	Name string
	// Directory holds all files of the bundle, and is published by one rename.
	// If it is empty, files are published one by one, under a journal.
	Directory      string
	DirectoryPerms fs.FileMode // of the directories that are made; never 0
	User, Group    string      // of these, and of files without their own; a name or a number; empty: not set
	Members        []Member    // in the order of the file
	Change         Change
	// Debounce is how long a change waits for equal ones of other bundles, so
	// that all of them run once; 0 does not wait.
	Debounce time.Duration
	// MinInterval is how long after a change the next one runs at the earliest;
	// 0 is at once.
	MinInterval time.Duration
	Check       *Check  // nil: what is published is not checked
	Verify      *Verify // nil: it is not proven that it is served
	// Window is the time of the day when certificates are renewed, such as
	// "02:00-05:00" or "22:00-04:00 Europe/Berlin"; without a time zone it is
	// the host's. Empty is the whole day.
	Window string
	// MaxIssuesPerHour is how often a certificate may be issued within an hour.
	// It stops one that is issued again and again for a reason nobody thought of.
	MaxIssuesPerHour int
	Pos              Pos
}

const (
	defaultDebounce         = time.Second
	defaultMaxIssuesPerHour = 10
)

// Path returns where readers find a file: the destination, below the directory
// if there is one.
func (b *Bundle) Path(destination string) string {
	return filepath.Join(b.Directory, destination)
}

func readBundle(s *scope) Bundle {
	b := Bundle{Pos: s.pos(), Debounce: defaultDebounce, MaxIssuesPerHour: defaultMaxIssuesPerHour}
	b.readName(s)
	b.readDirectory(s)
	defaults := memberDefaults{bundle: &b, perms: b.readPerms(s), renew: readRenew(s)}
	get(s, "user", asString, &b.User)
	get(s, "group", asString, &b.Group)
	b.Members = readMembers(s, defaults)
	b.checkPerms(s, defaults.perms)
	b.readChange(s)
	if c := s.ownBlock("check"); c != nil {
		b.Check = readCheck(c)
	}
	if v := s.ownBlock("verify"); v != nil {
		b.Verify = readVerify(v)
		b.checkVerified(v)
	}
	get(s, "window", asWindow, &b.Window)
	positive(s, "max_issues_per_hour", asInteger, &b.MaxIssuesPerHour)
	b.checkMembers(s)
	s.finish(LoadError)
	return b
}

func (b *Bundle) readName(s *scope) {
	if len(s.labels) != 1 {
		s.problem(LoadError, "", "must have one label, the bundle's name", `write bundle "NAME" { … }`)
		return
	}
	b.Name = s.labels[0]
	s.checkName(LoadError, b.Name, "a bundle")
}

func (b *Bundle) readDirectory(s *scope) {
	if !get(s, "directory", asString, &b.Directory) {
		return
	}
	if b.Directory == "" {
		s.problem(LoadError, "directory", "is empty", "leave it out if the destinations are absolute")
		return
	}
	b.Directory = filepath.Clean(b.Directory)
}

// readPerms returns those of the members' files.
func (b *Bundle) readPerms(s *scope) filePerms {
	b.DirectoryPerms = 0o750
	perms := defaultPerms.read(s, &b.DirectoryPerms)
	if inner := s.value("perms").Object; inner != nil && b.Directory == "" {
		directory := func(it hclread.Item) bool { return it.Name == "directory" }
		if slices.ContainsFunc(inner.Items, directory) && !s.has("directory") {
			s.problem(ValidateError, "perms", "directory has no effect, for the bundle has none", "remove it")
		}
	}
	if b.DirectoryPerms&0o700 != 0o700 {
		s.problem(ValidateError, "perms", "the directory's owner could not use it", `write directory = "0750"`)
	}
	return perms
}

// isNoop says whether no change is what was asked for, and not the outcome of a
// mistake.
func isNoop(s *scope, c Change) bool {
	return c.Mode == Noop && (!s.has("change_mode") || s.value("change_mode").Text == "noop")
}

// readChange reads the reaction, which is one for all members.
func (b *Bundle) readChange(s *scope) {
	b.Change = readChange(s)
	get(s, "debounce", asDuration, &b.Debounce)
	get(s, "min_interval", asDuration, &b.MinInterval)
	for _, name := range []string{"debounce", "min_interval"} {
		if s.has(name) && isNoop(s, b.Change) {
			s.problem(ValidateError, name, "needs a change to delay", `add change_mode = "signal", "restart" or "command"`)
		}
	}
}
