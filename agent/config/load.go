// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/certagent/certagent/agent/config/hclread"
)

// loader reads the files one after the other and merges them.
type loader struct {
	overrides  Overrides
	sources    []*hclread.Source
	problems   Problems
	document   *document
	incomplete bool // a file could not be read
}

func (l *loader) fail(pos Pos, message, hint string) {
	l.incomplete = true
	l.problems = append(l.problems, Problem{Kind: LoadError, Pos: pos, Message: message, Hint: hint})
}

func (l *loader) path(path string) {
	files, err := expand(path)
	if err != nil {
		l.fail(Pos{File: path}, reason(err), "")
		return
	}
	if len(files) == 0 {
		l.problems = append(l.problems, Problem{Kind: Warning, Pos: Pos{File: path}, Message: "the directory contains no *.hcl or *.json file"})
	}
	for _, file := range files {
		src, err := hclread.ReadFile(file)
		if err != nil {
			l.fail(Pos{File: file}, reason(err), "")
			continue
		}
		l.sources = append(l.sources, src)
		l.source(src)
	}
}

// expand returns the files that a path names: the path itself or, for a
// directory, its *.hcl and *.json files in alphabetical order. (Vault Agent
// reads these in the order of the file system.)
func expand(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		file := filepath.Join(path, entry.Name())
		if !isConfigName(entry.Name()) {
			continue
		}
		// Reading a named pipe would block, and subdirectories are not read.
		if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
			continue
		}
		files = append(files, file)
	}
	return files, nil
}

// isConfigName reports whether a file of a directory is configuration, and not
// the backup or lock file of an editor.
func isConfigName(name string) bool {
	if strings.HasPrefix(name, ".#") || strings.HasSuffix(name, "~") {
		return false
	}
	if strings.HasPrefix(name, "#") && strings.HasSuffix(name, "#") {
		return false
	}
	return strings.HasSuffix(name, ".hcl") || strings.HasSuffix(name, ".json")
}

// reason returns the text of an error without the path, which the problem has
// already.
func reason(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}

func (l *loader) source(src *hclread.Source) {
	r := &reader{src: src, problems: &l.problems, lookupEnv: l.overrides.LookupEnv, duplicates: LoadError}
	if src.IsJSON() || l.allowsDuplicates() {
		r.duplicates = Warning
	}
	report := func(e hclread.SyntaxError) { r.report(LoadError, "", "", e.Offset, e.Message, e.Hint) }
	tree, ok := hclread.Read(src, l.overrides.LookupEnv, report)
	if !ok {
		l.incomplete = true
	}
	if tree == nil {
		return
	}
	l.document = l.document.merge(readDocument(&scope{reader: r, items: tree.Items}))
}

// allowsDuplicates reports whether a key may be set twice. Vault Agent allows
// it for a transition period if this variable is set.
func (l *loader) allowsDuplicates() bool {
	set, _ := l.overrides.LookupEnv("VAULT_ALLOW_PENDING_REMOVAL_DUPLICATE_HCL_ATTRIBUTES")
	allowed, err := strconv.ParseBool(set)
	return err == nil && allowed
}

// finish applies the overrides, checks the merged document, and returns the
// configuration. The checks are skipped if a file could not be read, because
// they would report what is missing.
func (l *loader) finish() *Config {
	d := l.document
	l.overrides.apply(d, &l.problems)
	logging := d.log.resolve(&l.problems)
	if !l.incomplete {
		validator{d, &l.problems}.validate()
	}
	d.setDefaultExec()
	c := &Config{
		Vault:                  *d.vault,
		AddressFrom:            d.addressFrom,
		AutoAuth:               d.autoAuth,
		Templates:              d.templates,
		EnvTemplates:           d.envTemplates,
		Bundles:                d.bundles,
		TemplateConfig:         d.templateConfig.withDefaults(),
		Execs:                  d.execs,
		PIDFile:                d.pidFile,
		ExitAfterAuth:          d.exitAfterAuth,
		Subreaper:              d.subreaper,
		StopTimeout:            d.stopTimeout,
		Log:                    logging,
		DisableIdleConnections: d.disableIdleConnections,
		DisableKeepAlives:      d.disableKeepAlives,
	}
	for _, src := range l.sources {
		c.Files = append(c.Files, src.Name)
	}
	return c
}
