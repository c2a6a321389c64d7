// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"path/filepath"
	"strconv"
	"strings"
)

// Names that certagent makes itself begin so: the first in a bundle's
// directory, the second beside every destination.
const (
	reservedInDirectory = ".."
	reservedAnywhere    = ".certagent-"
)

// destination checks where a member's file goes, and returns it clean.
func (b *Bundle) destination(s *scope, name, path string) string {
	problem := func(message, hint string) { s.problem(ValidateError, name, message, hint) }
	if path == "" {
		problem("is empty", "say which file is to be written")
		return ""
	}
	clean := filepath.Clean(path)
	switch absolute := filepath.IsAbs(path); {
	case strings.HasSuffix(path, "/"):
		problem("names a directory", "say which file in it is to be written")
	case strings.HasPrefix(filepath.Base(clean), reservedAnywhere):
		problem("names that begin with "+reservedAnywhere+" are reserved", "choose another one")
	case absolute && b.Directory == "":
	case absolute:
		problem("is absolute, but the bundle has a directory", b.relativeHint(clean))
	case b.Directory == "" && s.has("directory"):
	case b.Directory == "":
		problem("is relative, but the bundle has no directory", "add directory to the bundle, or write an absolute path")
	case clean == "." || !filepath.IsLocal(clean):
		problem("leads out of the directory", "write a path below it, such as tls.crt")
	case strings.HasPrefix(clean, reservedInDirectory), strings.HasPrefix(clean, reservedAnywhere):
		problem("names that begin with "+reservedInDirectory+" or "+reservedAnywhere+" are reserved in the directory",
			"choose another one")
	}
	return clean
}

func (b *Bundle) relativeHint(path string) string {
	if below, err := filepath.Rel(b.Directory, path); err == nil && filepath.IsLocal(below) {
		return "write " + strconv.Quote(below)
	}
	return "write a path below it, or leave directory out and make all destinations absolute"
}
