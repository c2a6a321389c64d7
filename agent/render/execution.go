// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"fmt"
	"maps"
	"slices"
	"text/template"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/vaultreq"
)

// execution is one execution of a template. It belongs to one goroutine.
type execution struct {
	source  Source
	sandbox string

	answers  map[vaultreq.Request]any // what the functions returned; nil if missing
	used     []vaultreq.Request
	missing  []vaultreq.Request
	inputs   []string
	written  []Written
	secrets  []*api.Secret // what Source answered, to keep it out of errors
	external []string      // what files and plugins held, for the same reason
}

// functions returns the functions that replace those of consul-template.
func (e *execution) functions() template.FuncMap {
	return template.FuncMap{
		"file":        e.file,
		"loop":        loop,
		"pkiCert":     e.pkiCert,
		"plugin":      e.plugin,
		"secret":      e.secret,
		"secrets":     e.list,
		"spew_dump":   func(...any) string { return "" },
		"spew_printf": func(string, ...any) string { return "" },
		"writeToFile": e.writeToFile,
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
func (e *execution) ask(request vaultreq.Request, convert func(*api.Secret) (any, error)) (any, error) {
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
		e.secrets = append(e.secrets, secret)
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
	for _, s := range e.secrets {
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
