// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev

import (
	"github.com/certagent/certagent/dev/internal/backend"
)

// systemMount is sys, without the paths that work while the server is sealed.
type systemMount struct{ *Server }

// Routes returns the paths below sys.
func (s systemMount) Routes() backend.Table {
	return backend.Table{
		{Pattern: "mounts", Read: s.listMounts},
		{Pattern: "auth", Read: s.listAuth},
		{Pattern: "mounts/{path...}", Read: s.readMount, Update: s.enableMount, Delete: s.disableMount},
		{Pattern: "auth/{path...}", Read: s.readMount, Update: s.enableMount, Delete: s.disableMount},
		{Pattern: "internal/ui/mounts", Public: true, Read: s.uiMounts},
		{Pattern: "internal/ui/mounts/{path...}", Public: true, Read: s.uiMount},
		{Pattern: "policies/acl", Read: s.listPolicies, List: s.listPolicies},
		{Pattern: "policies/acl/{name}", Read: s.readPolicy, Update: s.policies.write, Delete: s.policies.delete},
		{Pattern: "policy", Read: s.listOldPolicies, List: s.listOldPolicies},
		{Pattern: "policy/{name}", Read: s.readOldPolicy, Update: s.policies.write, Delete: s.policies.delete},
		{Pattern: "capabilities", Update: s.capabilities},
		{Pattern: "capabilities-self", Update: s.capabilitiesSelf},
		{Pattern: "leases/lookup", Update: s.lookupLease},
		{Pattern: "leases/renew", Update: s.renewLease},
		{Pattern: "leases/renew/{id...}", Update: s.renewLease},
		{Pattern: "renew", Update: s.renewLease},
		{Pattern: "renew/{id...}", Update: s.renewLease},
		{Pattern: "leases/revoke", Update: s.revokeLease},
		{Pattern: "leases/revoke/{id...}", Update: s.revokeLease},
		{Pattern: "revoke", Update: s.revokeLease},
		{Pattern: "leases/revoke-prefix/{id...}", Update: s.revokePrefix},
		{Pattern: "wrapping/wrap", Update: s.wrapBody},
		{Pattern: "wrapping/unwrap", Public: true, Update: s.unwrap},
		{Pattern: "wrapping/lookup", Public: true, Update: s.wrappingLookup, Read: s.wrappingLookup},
		{Pattern: "wrapping/rewrap", Public: true, Update: s.rewrap},
		{Pattern: "seal", Update: s.sealNow},
	}
}

func (s systemMount) sealNow(*backend.Request) (*backend.Response, error) {
	s.Seal()
	return nil, nil
}

func (s systemMount) listPolicies(*backend.Request) (*backend.Response, error) {
	return backend.Keys(s.policies.names())
}

func (s systemMount) readPolicy(r *backend.Request) (*backend.Response, error) {
	text, ok := s.policies.text(r.Params["name"])
	if !ok {
		return nil, nil
	}
	return backend.Data(map[string]any{"name": r.Params["name"], "policy": text})
}

func (s systemMount) listOldPolicies(*backend.Request) (*backend.Response, error) {
	names := s.policies.names()
	return &backend.Response{Data: map[string]any{"keys": names, "policies": names}, TopLevel: true}, nil
}

func (s systemMount) readOldPolicy(r *backend.Request) (*backend.Response, error) {
	text, ok := s.policies.text(r.Params["name"])
	if !ok {
		return nil, nil
	}
	return &backend.Response{Data: map[string]any{"name": r.Params["name"], "rules": text}, TopLevel: true}, nil
}

func (s systemMount) capabilitiesSelf(r *backend.Request) (*backend.Response, error) {
	return s.capabilitiesOf(r, &r.Caller.(*caller).token)
}

func (s systemMount) capabilities(r *backend.Request) (*backend.Response, error) {
	t, ok := s.tokens.lookup(r.Fields.String("token"), r.Now)
	if !ok {
		return nil, backend.BadRequest("invalid token")
	}
	return s.capabilitiesOf(r, &t)
}

func (s systemMount) capabilitiesOf(r *backend.Request, t *token) (*backend.Response, error) {
	var in struct {
		Paths []string `json:"paths"`
		Path  []string `json:"path"`
	}
	if err := r.Fields.Decode(&in); err != nil {
		return nil, err
	}
	paths := append(in.Paths, in.Path...)
	if len(paths) == 0 {
		return nil, backend.BadRequest("paths must be supplied")
	}
	acl, data := s.policies.acl(t.Policies), make(map[string]any)
	for _, path := range paths {
		data[path] = acl.Capabilities(path)
	}
	if len(paths) == 1 {
		data["capabilities"] = data[paths[0]]
	}
	return &backend.Response{Data: data, TopLevel: true}, nil
}
