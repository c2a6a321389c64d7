// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"path/filepath"
	"strconv"
	"strings"
)

// Prefixes of the names that certagent uses itself: the first in the directory
// of a bundle, the second next to every destination.
const (
	reservedInDirectory = ".."
	reservedAnywhere    = ".certagent-"
)

// destination checks the destination of a member's file and returns it cleaned.
func (b *Bundle) destination(s *scope, name, path string) string {
	problem := func(message, hint string) { s.problem(ValidateError, name, message, hint) }
	if path == "" {
		problem("is empty", "write the path of the file")
		return ""
	}
	clean := filepath.Clean(path)
	switch absolute := filepath.IsAbs(path); {
	case strings.HasSuffix(path, "/"):
		problem("is a directory", "write the path of a file in it")
	case strings.HasPrefix(filepath.Base(clean), reservedAnywhere):
		problem("names that begin with "+reservedAnywhere+" are reserved", "choose another name")
	case absolute && b.Directory == "":
	case absolute:
		problem("is absolute, but the bundle has a directory", b.relativeHint(clean))
	case b.Directory == "" && s.has("directory"):
	case b.Directory == "":
		problem("is relative, but the bundle has no directory", "add directory to the bundle, or write an absolute path")
	case clean == "." || !filepath.IsLocal(clean):
		problem("is outside the directory", "write a path relative to the directory, such as tls.crt")
	case strings.HasPrefix(clean, reservedInDirectory), strings.HasPrefix(clean, reservedAnywhere):
		problem("names that begin with "+reservedInDirectory+" or "+reservedAnywhere+" are reserved in the directory",
			"choose another name")
	}
	return clean
}

func (b *Bundle) relativeHint(path string) string {
	if below, err := filepath.Rel(b.Directory, path); err == nil && filepath.IsLocal(below) {
		return "write " + strconv.Quote(below)
	}
	return "write a path relative to the directory, or remove directory and make all destinations absolute"
}

// outputFile is one file that a template or a bundle writes.
type outputFile struct {
	path string // absolute
	// exclusive is the path below which no other bundle may write: the file
	// itself or, in the directory of a bundle, the top-level name in it, which
	// each generation replaces as a whole.
	exclusive string
	bundle    string // title of the bundle; empty for a template at the top level
	// kind, pos, block and name are those of a problem with this file.
	kind        Kind
	pos         Pos
	block, name string
}

func (t outputFile) writer() string {
	if t.bundle == "" {
		return "the template at " + t.pos.String()
	}
	return t.bundle + " at " + t.pos.String()
}

// outputs returns all files that are written, those of top-level templates
// first, each in the order of the configuration.
func (d *document) outputs() (all []outputFile) {
	for _, t := range d.templates {
		if path := Absolute(t.Destination); t.Destination != "" {
			all = append(all, outputFile{path: path, exclusive: path, kind: Unsupported, pos: t.Pos, block: "template", name: "destination"})
		}
	}
	for i := range d.bundles {
		all = append(all, d.bundles[i].outputs()...)
	}
	return all
}

func (b *Bundle) outputs() (all []outputFile) {
	add := func(destination string, place Pos, block, name string) {
		if destination == "" {
			return
		}
		t := outputFile{path: Absolute(b.Path(destination)), bundle: b.title(), kind: ValidateError,
			pos: place, block: b.title() + ": " + block, name: name}
		t.exclusive = t.path
		if b.Directory != "" {
			first, _, _ := strings.Cut(destination, "/")
			t.exclusive = Absolute(b.Path(first))
		}
		all = append(all, t)
	}
	for _, m := range b.Members {
		if m.Template != nil {
			add(m.Template.Destination, m.Template.Pos, "template", "destination")
			continue
		}
		for _, f := range m.Certificate.Files {
			add(f.Destination, f.Pos, "certificate: files", string(f.Kind))
		}
	}
	return all
}

// Absolute returns an absolute path, or the cleaned path if there is no working
// directory.
func Absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return filepath.Clean(path)
}

// checkDestinations reports files that two blocks write, and files in the way
// of others. Vault Agent accepts two templates with one destination, and the
// last one wins.
func (v validator) checkDestinations() {
	files, exclusive, below := map[string]outputFile{}, map[string]outputFile{}, map[string]outputFile{}
	for _, t := range v.outputs() {
		if other, is := files[t.path]; is {
			v.problem(t.kind, t.pos, t.block, t.name, "the file is already written by "+other.writer(), "keep one of them")
			continue
		}
		if message := t.conflict(files, exclusive, below); message != "" {
			v.problem(t.kind, t.pos, t.block, t.name, message, "choose another path")
			continue
		}
		files[t.path], exclusive[t.exclusive] = t, t
		for dir := range parents(t.path) {
			below[dir] = t
		}
	}
	v.checkSinkPaths(files, exclusive)
}

// checkSinkPaths reports token sinks that would write to a file of a template or a
// bundle. The maps are those of checkDestinations.
func (v validator) checkSinkPaths(files, exclusive map[string]outputFile) {
	if v.autoAuth == nil {
		return
	}
	for _, s := range v.autoAuth.Sinks {
		path := Absolute(s.Path)
		other, is := files[path]
		for dir := path; !is && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			if other, is = exclusive[dir]; is && other.path == dir {
				break // a file, not a directory that is replaced as a whole
			}
		}
		is = is && (other.path == path || other.path != other.exclusive)
		if is && s.Path != "" {
			v.problem(ValidateError, s.Pos, `auto_auth: sink "file"`, "path", "the file is already written by "+other.writer(), "give the token a file of its own")
		}
	}
}

// conflict returns why a file cannot be written together with those already
// known, or "". The maps hold these by their path, by their exclusive path, and
// by each of their parent directories.
func (t outputFile) conflict(files, exclusive, below map[string]outputFile) string {
	if other, is := below[t.path]; is {
		return "is a parent directory of a file written by " + other.writer()
	}
	for dir := range parents(t.path) {
		if other, is := files[dir]; is {
			return strconv.Quote(dir) + " is a file, written by " + other.writer()
		}
	}
	if other, is := below[t.exclusive]; is && other.bundle != t.bundle {
		return strconv.Quote(t.exclusive) + " contains files written by " + other.writer()
	}
	for dir := range parents(t.path) {
		if other, is := exclusive[dir]; is && other.bundle != t.bundle {
			return strconv.Quote(dir) + " is replaced as a whole by " + other.writer()
		}
	}
	return ""
}

// parents yields the parent directories of a path, the nearest first.
func parents(path string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for dir := filepath.Dir(path); dir != path; path, dir = dir, filepath.Dir(dir) {
			if !yield(dir) {
				return
			}
		}
	}
}
