// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev

import (
	"errors"
	"net/http"
	"strings"

	"github.com/certagent/certagent/dev/internal/backend"
	"github.com/certagent/certagent/dev/internal/policy"
)

// Vault answers differently to a missing token and to an unknown one. Clients look
// for "invalid token" and then log in again.
var (
	errNoToken      = backend.Errorf(http.StatusForbidden, "permission denied")
	errInvalidToken = backend.Listed(http.StatusForbidden, "permission denied", "invalid token")
)

// caller is the token of a request and what its policies allow.
type caller struct {
	token
	acl *policy.ACL
}

// dispatch finds the mount and the route, checks the token and its policies,
// calls the handler and writes its answer.
func (s *Server) dispatch(c *call, w http.ResponseWriter) error {
	m := s.mounts.find(c.path)
	var route *backend.Route
	if m != nil {
		c.Mount, c.Path = m.Path, strings.TrimPrefix(c.path, strings.TrimSuffix(m.Path, "/"))
		c.Path = strings.TrimPrefix(c.Path, "/")
		c.DefaultTTL, c.MaxTTL = m.ttls()
		route, c.Params = m.table.Match(c.Path)
	}
	c.public = route != nil && route.Public
	if !c.public {
		done, err := s.authorize(c, route)
		if err != nil {
			return err
		}
		defer done()
	}
	if m == nil {
		return backend.Errorf(http.StatusNotFound, "no handler for route %q. route entry not found.", c.path)
	}
	if route == nil {
		return backend.ErrUnsupportedPath
	}
	handler, err := route.Handler(c.Operation)
	if err != nil {
		return err
	}
	res, err := handler(&c.Request)
	if err != nil {
		return err
	}
	return s.respond(w, c, m, res)
}

// authorize checks the token and its policies. The caller must call done after
// the answer: that revokes a token with no uses left.
func (s *Server) authorize(c *call, route *backend.Route) (done func(), err error) {
	if c.TokenID == "" {
		return nil, errNoToken
	}
	t, ok := s.tokens.use(c.TokenID, c.Now)
	if !ok {
		return nil, errInvalidToken
	}
	done = func() {
		if t.NumUses == lastUse {
			s.tokens.revoke(t.ID)
		}
	}
	if !backend.Within(t.BoundCIDRs, c.From) {
		done()
		return nil, errNoToken
	}
	acl := s.policies.acl(t.Policies)
	c.Caller = &caller{token: t, acl: acl}
	if !s.allowed(acl, c, route) {
		done()
		return nil, backend.ErrDenied
	}
	return done, nil
}

func (s *Server) allowed(acl *policy.ACL, c *call, route *backend.Route) bool {
	path, capability := c.path, string(c.Operation)
	if c.Operation == backend.Update && route != nil && route.Exists != nil && !route.Exists(&c.Request) {
		capability = policy.Create
	}
	if needsSudo(c.path) && !acl.Allows(path, policy.Sudo) {
		return false
	}
	return acl.Allows(path, capability)
}

// needsSudo reports whether Vault requires root or sudo for a path.
func needsSudo(path string) bool {
	for _, prefix := range []string{"sys/auth/", "sys/seal", "auth/token/accessors", "auth/token/revoke-orphan"} {
		if strings.HasPrefix(path, prefix) && path != "sys/seal-status" {
			return true
		}
	}
	return false
}

// errorOf returns an error as an answer.
func errorOf(err error) *backend.Error {
	if e := (*backend.Error)(nil); errors.As(err, &e) {
		return e
	}
	return &backend.Error{Status: http.StatusInternalServerError, Messages: []string{err.Error()}}
}
