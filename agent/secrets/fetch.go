// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/redact"
)

// fetch asks Vault the request's question: one HTTP request, but for the first
// question below a mount that may be KV version 2.
func (v *vault) fetch(ctx context.Context, token redact.Secret, r Request) (*Answer, *Error) {
	answer := &Answer{Request: r}
	var err *Error
	switch r.Kind {
	case Read:
		answer.Secret, err = v.read(ctx, string(token), r)
	case List:
		answer.Secret, answer.Keys, err = v.list(ctx, string(token), r)
	default:
		answer.Secret, err = v.write(ctx, string(token), r)
	}
	if err != nil {
		return nil, err
	}
	return answer, nil
}

func (v *vault) read(ctx context.Context, token string, r Request) (*api.Secret, *Error) {
	path, query := r.target()
	m, err := v.mount(ctx, token, path)
	if err != nil {
		return nil, err
	}
	target := m.dataPath(path)
	s, err := v.ask(ctx, question{method: http.MethodGet, path: target, query: query, token: token})
	if err == nil && (empty(s) || deleted(s, m, time.Now())) {
		err = notFound(target)
	}
	return s, v.doubt(path, target, err)
}

func (v *vault) list(ctx context.Context, token string, r Request) (*api.Secret, []string, *Error) {
	m, err := v.mount(ctx, token, r.Path)
	if err != nil {
		return nil, nil, err
	}
	s, err := v.ask(ctx, question{
		method: http.MethodGet, path: m.listPath(r.Path), query: map[string][]string{"list": {"true"}}, token: token,
	})
	if err != nil && err.Class == NotFound { // a list of nothing
		v.mounts.forget(r.Path)
		return &api.Secret{}, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	keys, err := keysOf(s)
	return s, keys, err
}

// write puts the parameters. Where the path says that a certificate is issued,
// the mount is looked up only if there turns out to be nothing there.
func (v *vault) write(ctx context.Context, token string, r Request) (*api.Secret, *Error) {
	path := r.Path
	var m mount
	if r.Kind == Write && !issues(path) {
		var err *Error
		if m, err = v.mount(ctx, token, path); err != nil {
			return nil, err
		}
	}
	s, err := v.put(ctx, token, m, path, string(r.Params))
	if err == nil && !m.kv2 {
		err = checkIssued(r, s)
	}
	if r.Kind == Write && issues(path) && err != nil && err.Class == NotFound {
		if m, failed := v.mount(ctx, token, path); failed == nil && m.kv2 {
			s, err = v.put(ctx, token, m, path, string(r.Params))
		}
	}
	return s, v.doubt(path, m.dataPath(path), err)
}

func (v *vault) put(ctx context.Context, token string, m mount, path, params string) (*api.Secret, *Error) {
	q := question{method: http.MethodPut, path: path, body: json.RawMessage(params), token: token}
	if m.kv2 {
		q.path, q.body = m.dataPath(path), json.RawMessage(`{"data":`+params+`}`)
	}
	s, err := v.ask(ctx, q)
	if err == nil && m.kv2 && empty(s) {
		err = notFound(q.path)
	}
	return s, err
}

// mount finds the mount of a path, without asking where there can be no KV.
func (v *vault) mount(ctx context.Context, token, path string) (mount, *Error) {
	if unversioned(path) {
		return mount{}, nil
	}
	return v.mounts.of(ctx, token, path)
}

// doubt words a missing secret as consul-template does. What is known of the
// mount may be the cause, so that is looked up again next time.
func (v *vault) doubt(path, target string, err *Error) *Error {
	if err == nil {
		return nil
	}
	if err.Class == NotFound {
		status := err.Status
		err = notFound(target)
		err.Status = status
	}
	if err.Class == NotFound || err.Class == Denied {
		v.mounts.forget(path)
	}
	return err
}

func keysOf(s *api.Secret) ([]string, *Error) {
	value, ok := s.Data["keys"]
	if !ok {
		return nil, nil
	}
	list, ok := value.([]any)
	if !ok {
		return nil, malformed("the keys are not a list")
	}
	keys := make([]string, 0, len(list))
	for _, item := range list {
		key, ok := item.(string)
		if !ok {
			return nil, malformed("a key is not a string")
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys, nil
}
