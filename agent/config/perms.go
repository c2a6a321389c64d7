// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/certagent/certagent/agent/config/hclread"
)

// filePerms are the permissions of a bundle's files.
type filePerms struct {
	key   fs.FileMode // of files with a private key
	other fs.FileMode
	named bool // key was set by its name, not by one mode for all files
}

var defaultPerms = filePerms{key: 0o600, other: 0o644}

// read returns the permissions as the perms key changes them: one mode for all
// files, or a block with key, other and, if directory is not nil, directory. As
// in a template, 0 means not set.
func (p filePerms) read(s *scope, directory *fs.FileMode) filePerms {
	if s.value("perms").Kind != hclread.Block {
		if mode, ok := oneMode(s, "perms"); ok {
			p = filePerms{key: mode, other: mode}
		}
		return p
	}
	b := s.ownBlock("perms")
	if directory != nil {
		if mode, ok := oneMode(b, "directory"); ok {
			*directory = mode
		}
	}
	if mode, ok := oneMode(b, "key"); ok {
		p.key, p.named = mode, true
	}
	if mode, ok := oneMode(b, "other"); ok {
		p.other = mode
	}
	b.finish(LoadError)
	return p
}

func oneMode(s *scope, name string) (fs.FileMode, bool) {
	var mode int
	if !get(s, name, asMode, &mode) || mode == 0 {
		return 0, false
	}
	return readMode(s, LoadError, name, mode), true
}

// checkKey reports a private key that is accessible to every user. It is an
// error if one mode was set for all files, which is probably an oversight, and
// a warning otherwise.
func (p filePerms) checkKey(s *scope) {
	switch {
	case p.key&0o007 == 0:
	case p.named:
		s.problem(Warning, "perms", "every user may access the private key", `write key = "0640" and set group`)
	default:
		s.problem(ValidateError, "perms", "these permissions apply to all files, so every user may access the private key",
			`write perms = { key = "0600", other = "0644" }`)
	}
}

// asMode takes permissions: a string of octal digits, or a number.
func asMode(v hclread.Value) (int, error) {
	switch v.Kind {
	case hclread.Integer:
		return int(v.Int), nil
	case hclread.String:
		if mode, err := strconv.ParseUint(v.Text, 8, 12); err == nil {
			return int(mode), nil
		}
	}
	return 0, &valueError{"must be permissions, not " + v.Describe(), `write octal digits in quotes, such as "0640"`}
}

// readMode checks permissions, and warns about those that are probably not
// intended.
func readMode(s *scope, kind Kind, name string, mode int) fs.FileMode {
	v := s.value(name)
	if mode < 0 || mode > 0o7777 {
		s.problem(kind, name, "must be permissions, not "+v.Describe(), "the highest value is 07777")
		return 0
	}
	switch {
	case v.Kind == hclread.Integer && s.looksOctal(v.Text, mode):
		s.problem(Warning, name, fmt.Sprintf("%s is decimal and means 0%o", v.Text, mode),
			"octal numbers start with 0: 0"+v.Text)
	case mode > 0o777:
		s.problem(Warning, name, fmt.Sprintf("setuid, setgid and sticky bits are ignored: 0%o is used", mode&0o777), "")
	}
	return fs.FileMode(mode & 0o777)
}

// looksOctal reports whether a number written in decimal was probably meant to
// be octal. JSON has no octal numbers, so there a decimal number is right
// unless it is too large.
func (s *scope) looksOctal(written string, mode int) bool {
	if strings.HasPrefix(written, "0") || len(written) < 3 || strings.ContainsAny(written, "89") {
		return false
	}
	return !s.src.IsJSON() || mode > 0o777
}
