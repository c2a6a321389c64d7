// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/vaultreq"
)

// fetch makes the request: one HTTP request, or two for the first one below a mount that
// may be KV version 2. asked is the time of the request, by the wall clock.
func (v *vault) fetch(ctx context.Context, token redact.Secret, r vaultreq.Request, asked time.Time) (*Answer, window, *Error) {
	answer := &Answer{Request: r, FetchedAt: asked}
	var versioned bool
	var err *Error
	switch r.Kind {
	case vaultreq.Read:
		answer.Secret, err = v.read(ctx, string(token), r)
	case vaultreq.List:
		answer.Secret, answer.Keys, err = v.list(ctx, string(token), r)
	default:
		answer.Secret, versioned, err = v.write(ctx, string(token), r)
	}
	if err != nil {
		return nil, window{}, err
	}
	w := windowOf(r, answer.Secret.Data, asked)
	if !versioned {
		err = checkIssued(r, answer.Secret, w)
	}
	return answer, w, err
}

// read reads a secret. If the path looks like that of a PKI mount's own certificate,
// which everybody may read, it looks up the mount only if there is nothing.
func (v *vault) read(ctx context.Context, token string, r vaultreq.Request) (s *api.Secret, err *Error) {
	path, query := r.Target()
	m, known := v.mounts.find(path)
	late := !known && isIssuer(path)
	if !known && !late {
		if m, err = v.mount(ctx, token, path); err != nil {
			return nil, err
		}
	}
	s, err = v.get(ctx, token, m, path, query)
	if late && err != nil && (err.Class == NotFound || err.Class == Denied) {
		if found, failed := v.mount(ctx, token, path); failed == nil && found.kv2 {
			m = found
			s, err = v.get(ctx, token, m, path, query)
		}
	}
	return s, v.missing(path, m.dataPath(path), err)
}

func (v *vault) get(ctx context.Context, token string, m mount, path string, query url.Values) (*api.Secret, *Error) {
	q := question{method: http.MethodGet, path: m.dataPath(path), query: query, token: token}
	s, err := v.ask(ctx, q)
	if err == nil && (empty(s) || deleted(s, m, time.Now())) {
		err = notFound(q.path)
	}
	return s, err
}

func (v *vault) list(ctx context.Context, token string, r vaultreq.Request) (*api.Secret, []string, *Error) {
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

// write writes the parameters, and reports whether the mount is KV version 2. If the path
// looks like that of an issued certificate, it looks up the mount only if there is
// nothing.
func (v *vault) write(ctx context.Context, token string, r vaultreq.Request) (s *api.Secret, versioned bool, err *Error) {
	var m mount
	late := r.Kind == vaultreq.Write && issues(r.Path)
	if r.Kind == vaultreq.Write && !late {
		if m, err = v.mount(ctx, token, r.Path); err != nil {
			return nil, false, err
		}
	}
	s, err = v.put(ctx, token, m, r)
	if late && err != nil && err.Class == NotFound {
		if found, failed := v.mount(ctx, token, r.Path); failed == nil && found.kv2 {
			m = found
			s, err = v.put(ctx, token, m, r)
		}
	}
	return s, m.kv2, v.missing(r.Path, m.dataPath(r.Path), err)
}

func (v *vault) put(ctx context.Context, token string, m mount, r vaultreq.Request) (*api.Secret, *Error) {
	q := question{method: http.MethodPut, path: r.Path, body: json.RawMessage(r.Params), token: token}
	if m.kv2 {
		q.path, q.body = m.dataPath(r.Path), json.RawMessage(`{"data":`+string(r.Params)+`}`)
	}
	s, err := v.ask(ctx, q)
	if err == nil && m.kv2 && empty(s) {
		err = notFound(q.path)
	}
	return s, err
}

// mount returns the mount of a path, without a look-up if it cannot be KV.
func (v *vault) mount(ctx context.Context, token, path string) (mount, *Error) {
	if unversioned(path) {
		return mount{}, nil
	}
	return v.mounts.of(ctx, token, path)
}

// missing returns the error of a request. For a missing secret it has consul-template's
// text, and the mount is looked up again next time, because it may be the cause.
func (v *vault) missing(path, target string, err *Error) *Error {
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
		err.target = target
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
