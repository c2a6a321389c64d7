// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"io/fs"
	"strconv"
)

// loader collects what the files say.
type loader struct {
	overrides Overrides
	sources   []*source
	problems  Problems
	document  *document
	unread    bool // a file could not be read
}

func (l *loader) problem(pos Pos, message, hint string) {
	l.unread = true
	l.problems = append(l.problems, Problem{Kind: LoadError, Pos: pos, Message: message, Hint: hint})
}

func (l *loader) path(path string) {
	files, err := expand(path)
	if err != nil {
		l.problem(Pos{File: path}, reason(err), "")
		return
	}
	if len(files) == 0 {
		l.problems = append(l.problems, Problem{Kind: Warning, Pos: Pos{File: path}, Message: "this directory holds no *.hcl or *.json file"})
	}
	for _, file := range files {
		src, err := readSource(file)
		if err != nil {
			l.problem(Pos{File: file}, reason(err), "")
			continue
		}
		l.sources = append(l.sources, src)
		l.source(src)
	}
}

// reason is an error without the path, which stands before it already.
func reason(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}

func (l *loader) source(src *source) {
	r := &reader{src: src, problems: &l.problems, lookupEnv: l.overrides.LookupEnv, duplicates: LoadError}
	if src.isJSON() || l.allowsDuplicates() {
		r.duplicates = Warning
	}
	report := func(e syntaxError) { r.report(LoadError, "", "", e.offset, e.message, e.hint) }
	tree, ok := readTree(src, l.overrides.LookupEnv, report)
	if !ok {
		l.unread = true
	}
	if tree == nil {
		return
	}
	l.document = l.document.merge(readDocument(&scope{reader: r, items: tree.items}))
}

// allowsDuplicates reads the variable by which Vault Agent, for a while, can be
// told to accept a key that is set twice.
func (l *loader) allowsDuplicates() bool {
	set, _ := l.overrides.LookupEnv("VAULT_ALLOW_PENDING_REMOVAL_DUPLICATE_HCL_ATTRIBUTES")
	allowed, err := strconv.ParseBool(set)
	return err == nil && allowed
}

// finish applies what counts more than the files, and checks the whole. A file
// that could not be read leaves gaps that the checks would complain about.
func (l *loader) finish() *Config {
	d := l.document
	l.overrides.apply(d, &l.problems)
	logging := d.log.final(&l.problems)
	if !l.unread {
		validator{d, &l.problems}.validate()
	}
	d.nameTargets()
	c := &Config{
		Vault:                  *d.vault,
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
		c.Files = append(c.Files, src.name)
	}
	return c
}
