// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package config reads configuration, HCL or JSON, and returns one immutable
// value. It reads Vault Agent's files unchanged, with the words of Nomad's
// template block, bundle blocks and further exec blocks added to them.
//
// It complains about everything at once, and each complaint has file, line,
// block and name. No key is ignored without a warning. It knows nothing of
// Vault, and looks at no file but the configuration itself, what its expressions
// read with file(), and the system's time zones.
package config

import (
	"os"
	"time"
)

// Config is the whole configuration. Nobody changes it once it is loaded.
type Config struct {
	Vault Vault
	// AutoAuth is never nil in a configuration without errors.
	AutoAuth       *AutoAuth
	Templates      []Template
	EnvTemplates   []EnvTemplate
	Bundles        []Bundle
	TemplateConfig TemplateConfig
	// Execs are the programs that are run; none: there is no child.
	Execs         []Exec
	PIDFile       string // of certagent itself; empty: none is written
	ExitAfterAuth bool
	// Subreaper makes certagent adopt and reap the processes that its descendants
	// leave behind, even where it is not process 1, which always does.
	Subreaper bool
	// StopTimeout is how long who runs certagent waits for its end before he kills
	// it: no child gets more than fits into that. 0: it is not known.
	StopTimeout time.Duration
	Log         Log
	// DisableIdleConnections and DisableKeepAlives name the parts whose
	// connections to Vault are meant: auto-auth, caching, proxying, templating.
	DisableIdleConnections, DisableKeepAlives []string
	Files                                     []string // that were read, in their order
}

// Load reads files, and the *.hcl and *.json files of directories by name, and
// merges them in their order. It returns all problems; the configuration is nil
// if there is an error among them.
func Load(paths []string, o Overrides) (*Config, Problems) {
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	l := &loader{overrides: o, document: &document{templateConfig: noTemplateConfig}}
	for _, path := range paths {
		l.path(path)
	}
	if len(paths) == 0 {
		l.problem(Pos{}, "there is no configuration", "name a file or a directory with -config")
	}
	c := l.finish()
	l.problems.arrange(l.sources)
	if len(l.problems.Errors()) > 0 {
		return nil, l.problems
	}
	return c, l.problems
}
