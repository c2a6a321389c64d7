// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"bytes"
	"errors"
	tt "text/template"

	ct "github.com/hashicorp/consul-template/template"
	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/vaultreq"
)

// Source is what an execution asks for all that is not in the template. It is
// called by Execute's goroutine only.
type Source interface {
	// Secret returns the answer to a request, and false as long as there is none.
	// A nil answer is one: some writes return nothing. Answers are not changed.
	Secret(vaultreq.Request) (*api.Secret, bool)

	// File returns a file's content.
	File(path string) (string, error)

	// Plugin runs a program and returns what it printed, which its error must not
	// hold. consul-template gives a plugin 30 seconds.
	Plugin(name string, args []string) (string, error)
}

// Result is what came of an execution. Used, Missing and Inputs hold even if the
// execution failed, so that a caller knows what to wait for.
type Result struct {
	Output  redact.Bytes       // nothing as long as something is missing
	Written []Written          // what writeToFile was told to write; likewise
	Used    []vaultreq.Request // all that was asked, in order of first use
	Missing []vaultreq.Request // the part of Used that had no answer
	Inputs  []string           // the files that were asked for, in order of first use
}

// Execute renders the template. Its error is of type [*Error].
//
// As long as an answer is missing there is neither an output nor an error: what
// fails for want of an answer need not fail with it.
func (t *Template) Execute(source Source) (Result, error) {
	e := &execution{source: source, sandbox: t.in.SandboxPath, answers: map[vaultreq.Request]any{}}
	output, err := t.run(e.functions())
	result := Result{Used: e.used, Missing: e.missing, Inputs: e.inputs}
	if len(e.missing) > 0 {
		return result, nil
	}
	if err != nil {
		return result, t.in.executionError(err, e.known())
	}
	if err := t.holes(output, e.written); err != nil {
		return result, err
	}
	result.Output, result.Written = output, e.written
	return result, nil
}

// run executes the template by text/template if it calls nothing of
// consul-template's, which spares the 330 functions that consul-template
// registers: some 20 µs for 150.
func (t *Template) run(functions tt.FuncMap) ([]byte, error) {
	if t.facts.library {
		return t.runLibrary(functions)
	}
	for name := range t.facts.denied {
		functions[name] = denied
	}
	tmpl := tt.New("").Funcs(functions).Option(t.missingKey()).Delims(t.in.LeftDelim, t.in.RightDelim)
	if _, err := tmpl.Parse(t.in.Contents); err != nil {
		return nil, err
	}
	var output bytes.Buffer
	if err := tmpl.Execute(&output, nil); err != nil {
		return nil, err
	}
	return output.Bytes(), nil
}

// runLibrary executes the template by consul-template. Its brain stays empty, as
// every function that would ask it is either our own or refused.
func (t *Template) runLibrary(functions tt.FuncMap) ([]byte, error) {
	tmpl, err := ct.NewTemplate(&ct.NewTemplateInput{
		Contents:         t.in.Contents,
		LeftDelim:        t.in.LeftDelim,
		RightDelim:       t.in.RightDelim,
		ErrMissingKey:    t.in.ErrorOnMissingKey,
		FunctionDenylist: t.in.FunctionDenylist,
		ExtFuncMap:       functions,
	})
	if err != nil {
		return nil, err
	}
	result, err := tmpl.Execute(&ct.ExecuteInput{Brain: ct.NewBrain()})
	if err != nil {
		return nil, err
	}
	return result.Output, nil
}

// missingKey is the option that consul-template sets.
func (t *Template) missingKey() string {
	if t.in.ErrorOnMissingKey {
		return "missingkey=error"
	}
	return "missingkey=zero"
}

// denied stands in for a function on the denylist, as in consul-template.
func denied(...any) (string, error) { return "", errors.New("function is disabled") }
