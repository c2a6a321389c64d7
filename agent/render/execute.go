// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"bytes"
	"errors"
	"text/template"

	consultemplate "github.com/hashicorp/consul-template/template"
	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/vaultreq"
)

// Source supplies what is not in the template. Only the goroutine of Execute calls it.
type Source interface {
	// Secret returns the answer to a request, and false if there is none yet. The
	// answer may be nil: some writes return nothing. Answers are not changed.
	Secret(vaultreq.Request) (*api.Secret, bool)

	// File returns a file's content.
	File(path string) (string, error)

	// Plugin runs a program and returns its output, which the error must not contain.
	// consul-template gives a plugin 30 seconds.
	Plugin(name string, args []string) (string, error)
}

// Result is the result of an execution. Used, Missing and Inputs are set even if the
// execution failed, so that a caller knows what to wait for.
type Result struct {
	Output  redact.Bytes       // nil if an answer is missing
	Written []Written          // the calls of writeToFile; nil if an answer is missing
	Used    []vaultreq.Request // all requests, in order of first use
	Missing []vaultreq.Request // those of Used without an answer
	Inputs  []string           // the files that were read, in order of first use
}

// Execute renders the template. Its error is of type [*Error].
//
// If an answer is missing there is neither an output nor an error, because the execution
// may only have failed for lack of the answer.
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

// run executes the template with text/template if it calls no function of
// consul-template. This takes some 20 µs instead of 150, because consul-template
// registers 330 functions.
func (t *Template) run(functions template.FuncMap) ([]byte, error) {
	if t.facts.library {
		return t.runLibrary(functions)
	}
	for name := range t.facts.denied {
		functions[name] = denied
	}
	tmpl := template.New("").Funcs(functions).Option(t.missingKey()).Delims(t.in.LeftDelim, t.in.RightDelim)
	if _, err := tmpl.Parse(t.in.Contents); err != nil {
		return nil, err
	}
	var output bytes.Buffer
	if err := tmpl.Execute(&output, nil); err != nil {
		return nil, err
	}
	return output.Bytes(), nil
}

// runLibrary executes the template with consul-template. The brain, which is its store of
// data, stays empty: every function that reads it is replaced or refused.
func (t *Template) runLibrary(functions template.FuncMap) ([]byte, error) {
	tmpl, err := consultemplate.NewTemplate(&consultemplate.NewTemplateInput{
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
	result, err := tmpl.Execute(&consultemplate.ExecuteInput{Brain: consultemplate.NewBrain()})
	if err != nil {
		return nil, err
	}
	return result.Output, nil
}

// missingKey returns the option that consul-template sets.
func (t *Template) missingKey() string {
	if t.in.ErrorOnMissingKey {
		return "missingkey=error"
	}
	return "missingkey=zero"
}

// denied replaces a function on the denylist, as in consul-template.
func denied(...any) (string, error) { return "", errors.New("function is disabled") }
