// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

// wrapped is the content of a wrapping token: the envelope of an answer and the
// path of its request.
type wrapped struct {
	body         json.RawMessage
	creationPath string
	ttl          time.Duration
}

// wrapInfo is the "wrap_info" field of the envelope.
type wrapInfo struct {
	Token           string    `json:"token"`
	Accessor        string    `json:"accessor"`
	TTL             int64     `json:"ttl"`
	CreationTime    time.Time `json:"creation_time"`
	CreationPath    string    `json:"creation_path"`
	WrappedAccessor string    `json:"wrapped_accessor,omitempty"`
}

var (
	errWrappingToken = backend.BadRequest("wrapping token is not valid or does not exist")
	errWrappingEmpty = backend.Errorf(http.StatusForbidden, "error validating wrapping token: token is empty")
)

// wrap stores an answer in a single-use token and returns the answer that replaces
// it.
func (s *Server) wrap(c *call, env *envelope, res *backend.Response) (*envelope, error) {
	if res.Raw != nil {
		env.Data = map[string]any{"http_content_type": res.ContentType, "http_raw_body": string(res.Raw), "http_status_code": http.StatusOK}
	}
	body, err := json.Marshal(env)
	if err != nil {
		return nil, err
	}
	info, err := s.addWrapped(c.Now, wrapped{body: body, creationPath: c.path, ttl: c.wrapTTL})
	if err != nil {
		return nil, err
	}
	if env.Auth != nil {
		info.WrappedAccessor = env.Auth.Accessor
	} else if data, ok := env.Data.(map[string]any); ok {
		info.WrappedAccessor, _ = data["secret_id_accessor"].(string)
	}
	return &envelope{WrapInfo: info}, nil
}

func (s *Server) addWrapped(now time.Time, w wrapped) (*wrapInfo, error) {
	t, err := s.tokens.add(token{
		Policies: []string{"response-wrapping"}, Path: w.creationPath, Orphan: true, Type: "service", NumUses: 1,
		Created: now, Expires: now.Add(w.ttl), TTL: w.ttl, MaxTTL: w.ttl, ExplicitMaxTTL: w.ttl, wrapped: &w,
	})
	if err != nil {
		return nil, err
	}
	return &wrapInfo{Token: t.ID, Accessor: t.Accessor, TTL: int64(w.ttl / time.Second), CreationTime: now, CreationPath: w.creationPath}, nil
}

// wrappingToken returns the wrapping token of a request: from the body, or the
// token of the request itself.
func (s *Server) wrappingToken(r *backend.Request) (token, error) {
	id := r.Fields.String("token")
	if id == "" {
		id = r.TokenID
	}
	if id == "" {
		return token{}, errWrappingEmpty
	}
	t, ok := s.tokens.lookup(id, r.Now)
	if !ok || t.wrapped == nil || t.NumUses == lastUse {
		return token{}, errWrappingToken
	}
	return t, nil
}

// unwrap returns the wrapped answer and revokes the token.
func (s *Server) unwrap(r *backend.Request) (*backend.Response, error) {
	t, err := s.takeWrapped(r)
	if err != nil {
		return nil, err
	}
	return &backend.Response{Raw: t.wrapped.body, ContentType: "application/json"}, nil
}

// takeWrapped revokes a wrapping token. Of several concurrent calls only one
// succeeds.
func (s *Server) takeWrapped(r *backend.Request) (token, error) {
	t, err := s.wrappingToken(r)
	if err != nil {
		return token{}, err
	}
	if _, ok := s.tokens.use(t.ID, r.Now); !ok {
		return token{}, errWrappingToken
	}
	s.tokens.revoke(t.ID)
	return t, nil
}

func (s *Server) wrappingLookup(r *backend.Request) (*backend.Response, error) {
	t, err := s.wrappingToken(r)
	if err != nil {
		return nil, err
	}
	return backend.Data(map[string]any{
		"creation_path": t.wrapped.creationPath, "creation_time": t.Created, "creation_ttl": backend.Seconds(t.wrapped.ttl),
	})
}

// rewrap moves the answer to a new token with the TTL of the old one.
func (s *Server) rewrap(r *backend.Request) (*backend.Response, error) {
	t, err := s.takeWrapped(r)
	if err != nil {
		return nil, err
	}
	info, err := s.addWrapped(r.Now, *t.wrapped)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(&envelope{WrapInfo: info})
	return &backend.Response{Raw: body, ContentType: "application/json"}, err
}

// wrapBody answers sys/wrapping/wrap: it wraps the body of the request.
func (s *Server) wrapBody(r *backend.Request) (*backend.Response, error) {
	if !r.Wrapped {
		return nil, backend.BadRequest("endpoint requires response wrapping to be used")
	}
	return backend.Data(map[string]any(r.Fields))
}
