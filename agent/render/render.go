// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package render renders templates. It executes the language of consul-template with its
// functions, except that secret, secrets, pkiCert, file and plugin call a [Source], and
// writeToFile records its arguments.
//
// It has no side effects: it writes no file, starts no process and makes no request to
// Vault. An execution is bounded in time and size. An execution without all its secrets returns the missing
// ones, and no output.
//
// It differs from consul-template on purpose in these places:
//   - Functions that ask Consul or Nomad are refused when a template is parsed.
//   - pkiCert is identified by its path and its parameters, not by its path and
//     the file that it is written to.
//   - writeToFile with "append" appends to what the same execution wrote before,
//     so that a file does not grow from one execution to the next.
//   - An output that contains "<no value>" is an error.
//   - spew_dump and spew_printf, which print to standard output, print nothing.
//   - loop leaks no goroutine when a range ends early.
package render

import (
	"slices"
	"sync/atomic"
	"text/template/parse"

	"github.com/certagent/certagent/settings"
	"github.com/certagent/certagent/vaultreq"
)

// Input is a template as it was configured. If Source is set, Contents is what was
// read from it.
type Input struct {
	settings.TemplateText
	Name        string // what messages call the template if Source is empty
	SandboxPath string // the only directory that the function file may read; "" means any
}

// Template is a valid template. It is immutable: any number of goroutines may execute it
// at the same time.
//
// It does not keep the syntax trees, which take ten times the memory of the text: most
// templates are executed once a day, and parsing takes microseconds.
type Template struct {
	in     Input
	facts  facts
	limits limits
	left   atomic.Pointer[execution] // the last one that did not end when it should
}

// Parse checks a template's syntax and the names of its functions. Its error is
// of type [Errors].
func Parse(in Input) (*Template, error) {
	if err := in.checkSource(); err != nil {
		return nil, Errors{err}
	}
	trees := map[string]*parse.Tree{}
	root := parse.New("")
	root.Mode = parse.SkipFuncCheck
	if _, err := root.Parse(in.Contents, in.LeftDelim, in.RightDelim, trees); err != nil {
		return nil, Errors{in.syntaxError(err)}
	}
	facts := factsOf(in, trees)
	if errs := facts.check(in); len(errs) > 0 {
		return nil, errs
	}
	return &Template{in: in, facts: facts, limits: defaultLimits}, nil
}

// Requests returns the requests that every execution makes: the calls of secret, secrets
// and pkiCert with literal arguments outside the bodies of if, with and range. A caller
// that fetches them beforehand needs only one execution for most templates.
func (t *Template) Requests() []vaultreq.Request { return slices.Clone(t.facts.requests) }

// Asks reports whether the template calls secret, secrets or pkiCert at all.
func (t *Template) Asks() bool {
	return slices.ContainsFunc(t.facts.calls, func(c callee) bool { return c.name == "secret" || c.name == "secrets" || c.name == "pkiCert" })
}

// Environment returns the environment variables that the template may read, sorted by
// name. known is false if a name is computed.
func (t *Template) Environment() (names []string, known bool) {
	return slices.Clone(t.facts.environment), !t.facts.environmentComputed
}

// Reproducible reports whether the answers, the files in [Result].Inputs and the
// variables in Environment determine the output. They do not if the template calls, for
// example, timestamp or plugin.
func (t *Template) Reproducible() bool { return !t.facts.unreproducible }
