// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"fmt"
	"maps"
	"slices"
	"text/template"
	"text/template/parse"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/vaultreq"
)

// execution is one execution of a template. It has two goroutines: that of Execute, to
// which the source and what is known of its answers belong, and one that executes the
// template, to which the rest belongs until it has ended.
type execution struct {
	template *Template
	source   Source

	answers  map[vaultreq.Request]any // what the functions returned; nil if missing
	used     []vaultreq.Request
	missing  []vaultreq.Request
	inputs   []string
	secrets  []answered // what Source answered, to keep it out of errors
	external []string   // what files and plugins held, for the same reason

	tmpl    *template.Template
	printed []parse.Node // what prints a value
	absent  parse.Node   // that of them which first printed a missing key or nil
	library libraryCalls
	depth   int    // of the templates that call each other
	rounds  int    // calls of mayContinue
	memory  uint64 // of the process at the beginning
	written []Written
	size    int // of the content in written
	output  []byte
	err     error
	limit   error // that was exceeded

	calls   chan func()   // of the source, for the goroutine of Execute
	done    chan struct{} // closed when the template was executed
	stopped chan struct{} // closed when the execution is to stop
	reason  error         // why; set before
}

// answered is a request with its answer.
type answered struct {
	request vaultreq.Request
	secret  *api.Secret
}

func newExecution(t *Template, source Source) *execution {
	return &execution{
		template: t, source: source, memory: heap(), answers: map[vaultreq.Request]any{},
		calls: make(chan func()), done: make(chan struct{}), stopped: make(chan struct{}),
	}
}

// ended reports whether the template was executed.
func (e *execution) ended() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

// outside runs f in the goroutine of Execute, and returns when it has.
func (e *execution) outside(f func() error) error {
	var err error
	ran := make(chan struct{})
	select {
	case e.calls <- func() { defer close(ran); err = f() }:
		<-ran
		return err
	case <-e.stopped:
		return e.reason
	}
}

// secret implements secret. The result is nil if there is no answer yet, so that the
// body of "with" is not executed.
func (e *execution) secret(args ...string) (any, error) {
	if len(args) == 0 {
		return nil, nil
	}
	request, err := readOrWrite(args[0], args[1:])
	if err != nil {
		return nil, err
	}
	return e.ask(request, func(s *api.Secret) (any, error) { return librarySecret(s), nil })
}

// list implements secrets.
func (e *execution) list(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	request, err := vaultreq.New(vaultreq.List, path)
	if err != nil {
		return nil, err
	}
	answer, err := e.ask(request, func(s *api.Secret) (any, error) { return keys(s) })
	list, _ := answer.([]string)
	return list, err
}

// pkiCert implements pkiCert.
func (e *execution) pkiCert(args ...string) (any, error) {
	if len(args) == 0 {
		return nil, nil
	}
	request, err := vaultreq.New(vaultreq.Certificate, args[0], args[1:]...)
	if err != nil {
		return nil, err
	}
	return e.ask(request, func(s *api.Secret) (any, error) { return certificate(s) })
}

// ask returns the converted answer to a request; nil if there is none yet. Within one
// execution a request has one answer.
func (e *execution) ask(request vaultreq.Request, convert func(*api.Secret) (any, error)) (answer any, err error) {
	err = e.outside(func() error {
		answer, err = e.answer(request, convert)
		return err
	})
	return answer, err
}

func (e *execution) answer(request vaultreq.Request, convert func(*api.Secret) (any, error)) (any, error) {
	if answer, ok := e.answers[request]; ok {
		return answer, nil
	}
	e.used = append(e.used, request)
	secret, ok := e.source.Secret(request)
	if !ok {
		e.missing = append(e.missing, request)
		e.answers[request] = nil
		return nil, nil
	}
	if secret != nil {
		e.secrets = append(e.secrets, answered{request, secret})
	}
	answer, err := convert(secret)
	if err != nil {
		return nil, fmt.Errorf("the answer to %s %s: %w", request.Kind, request.Path, err)
	}
	e.answers[request] = answer
	return answer, nil
}

// known returns the texts that must not appear in an error.
func (e *execution) known() []string {
	list := slices.Clone(e.external)
	for _, a := range e.secrets {
		s := a.secret
		list = append(texts(list, s.Data), s.LeaseID)
		if s.Auth != nil {
			list = append(list, s.Auth.ClientToken, s.Auth.Accessor)
			list = slices.AppendSeq(list, maps.Values(s.Auth.Metadata))
		}
		if s.WrapInfo != nil {
			list = append(list, s.WrapInfo.Token, s.WrapInfo.WrappedAccessor)
		}
	}
	return list
}
