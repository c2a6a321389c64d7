// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev

import (
	"net/http"
	"slices"

	"github.com/certagent/certagent/dev/internal/backend"
)

// tokenMount is auth/token.
type tokenMount struct{ *Server }

// Routes returns the paths below auth/token.
func (s tokenMount) Routes() backend.Table {
	return backend.Table{
		{Pattern: "create", Update: s.createToken},
		{Pattern: "create-orphan", Update: s.createToken},
		{Pattern: "create/{role}", Update: s.createToken},
		{Pattern: "roles", List: s.roles.list, Read: s.roles.list},
		{Pattern: "roles/{role}", Read: s.roles.read, Update: s.roles.write, Delete: s.roles.delete, Exists: s.roles.exists},
		{Pattern: "accessors", List: s.listAccessors},
		{Pattern: "lookup", Read: s.lookupToken, Update: s.lookupToken},
		{Pattern: "lookup-self", Read: s.lookupSelf, Update: s.lookupSelf},
		{Pattern: "lookup-accessor", Update: s.lookupAccessor},
		{Pattern: "renew", Update: s.renewToken},
		{Pattern: "renew-self", Update: s.renewSelf},
		{Pattern: "renew-accessor", Update: s.renewAccessor},
		{Pattern: "revoke", Update: s.revokeToken},
		{Pattern: "revoke-self", Update: s.revokeSelf},
		{Pattern: "revoke-orphan", Update: s.revokeTokenOrphan},
		{Pattern: "revoke-accessor", Update: s.revokeAccessor},
	}
}

var errInvalidAccessor = backend.Listed(http.StatusBadRequest, "invalid accessor")

func (s tokenMount) listAccessors(r *backend.Request) (*backend.Response, error) {
	list := s.tokens.listAccessors(r.Now)
	slices.Sort(list)
	return backend.Keys(list)
}

func (s tokenMount) lookupToken(r *backend.Request) (*backend.Response, error) {
	if !r.Fields.Has("token") {
		return s.lookupSelf(r)
	}
	t, ok := s.tokens.lookup(r.Fields.String("token"), r.Now)
	if !ok {
		return nil, backend.Errorf(http.StatusForbidden, "bad token")
	}
	return backend.Data(t.lookup(r.Now))
}

func (s tokenMount) lookupSelf(r *backend.Request) (*backend.Response, error) {
	t, ok := s.tokens.lookup(r.Caller.(*caller).ID, r.Now)
	if !ok {
		return nil, backend.Errorf(http.StatusForbidden, "bad token")
	}
	return backend.Data(t.lookup(r.Now))
}

func (s tokenMount) lookupAccessor(r *backend.Request) (*backend.Response, error) {
	id, ok := s.tokens.byAccessor(r.Fields.String("accessor"), r.Now)
	if !ok {
		return nil, errInvalidAccessor
	}
	t, _ := s.tokens.lookup(id, r.Now)
	data := t.lookup(r.Now)
	data["id"] = ""
	return backend.Data(data)
}

func (s tokenMount) renewToken(r *backend.Request) (*backend.Response, error) {
	if !r.Fields.Has("token") {
		return nil, backend.BadRequest("missing token ID")
	}
	return s.renew(r, r.Fields.String("token"))
}

func (s tokenMount) renewSelf(r *backend.Request) (*backend.Response, error) {
	return s.renew(r, r.Caller.(*caller).ID)
}

func (s tokenMount) renewAccessor(r *backend.Request) (*backend.Response, error) {
	id, ok := s.tokens.byAccessor(r.Fields.String("accessor"), r.Now)
	if !ok {
		return nil, errInvalidAccessor
	}
	res, err := s.renew(r, id)
	if err == nil {
		res.Token.(*token).ID = ""
	}
	return res, err
}

func (s tokenMount) renew(r *backend.Request, id string) (*backend.Response, error) {
	var in struct {
		Increment backend.Seconds `json:"increment"`
	}
	if err := r.Fields.Decode(&in); err != nil {
		return nil, err
	}
	t, warnings, err := s.tokens.renew(id, durationOf(in.Increment), r.Now)
	if err != nil {
		return nil, err
	}
	return &backend.Response{Token: &t, Warnings: warnings}, nil
}

func (s tokenMount) revokeToken(r *backend.Request) (*backend.Response, error) {
	if !r.Fields.Has("token") {
		return nil, backend.BadRequest("missing token ID")
	}
	s.tokens.revoke(r.Fields.String("token"))
	return nil, nil
}

func (s tokenMount) revokeSelf(r *backend.Request) (*backend.Response, error) {
	s.tokens.revoke(r.Caller.(*caller).ID)
	return nil, nil
}

func (s tokenMount) revokeTokenOrphan(r *backend.Request) (*backend.Response, error) {
	id := r.Fields.String("token")
	if _, ok := s.tokens.lookup(id, r.Now); !ok {
		return nil, backend.BadRequest("token to revoke not found")
	}
	s.tokens.revokeOrphan(id)
	return nil, nil
}

func (s tokenMount) revokeAccessor(r *backend.Request) (*backend.Response, error) {
	id, ok := s.tokens.byAccessor(r.Fields.String("accessor"), r.Now)
	if !ok {
		return &backend.Response{Warnings: []string{"No token found with this accessor"}}, nil
	}
	s.tokens.revoke(id)
	return nil, nil
}
