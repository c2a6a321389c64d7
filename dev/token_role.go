// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

// tokenRole is a role of auth/token/roles.
type tokenRole struct {
	Name                   string          `json:"name"`
	AllowedEntityAliases   []string        `json:"allowed_entity_aliases"`
	AllowedPolicies        []string        `json:"allowed_policies"`
	AllowedPoliciesGlob    []string        `json:"allowed_policies_glob"`
	DisallowedPolicies     []string        `json:"disallowed_policies"`
	DisallowedPoliciesGlob []string        `json:"disallowed_policies_glob"`
	OldExplicitMaxTTL      backend.Seconds `json:"explicit_max_ttl"`
	OldPeriod              backend.Seconds `json:"period"`
	Orphan                 bool            `json:"orphan"`
	PathSuffix             string          `json:"path_suffix"`
	Renewable              bool            `json:"renewable"`
	BoundCIDRs             []string        `json:"token_bound_cidrs,omitempty"`
	ExplicitMaxTTL         backend.Seconds `json:"token_explicit_max_ttl"`
	NoDefaultPolicy        bool            `json:"token_no_default_policy"`
	NumUses                int             `json:"token_num_uses,omitempty"`
	Period                 backend.Seconds `json:"token_period"`
	Type                   string          `json:"token_type"`
}

// tokenRoles owns the roles.
type tokenRoles struct {
	mu     sync.RWMutex
	byName map[string]*tokenRole // replaced, never modified
}

func newTokenRoles() *tokenRoles { return &tokenRoles{byName: make(map[string]*tokenRole)} }

func (s *tokenRoles) get(name string) *tokenRole {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byName[name]
}

// find returns nil for an empty name and an error for an unknown one.
func (s *tokenRoles) find(name string) (*tokenRole, error) {
	if name == "" {
		return nil, nil
	}
	if role := s.get(name); role != nil {
		return role, nil
	}
	return nil, backend.BadRequest("unknown role %s", name)
}

var pathSuffix = regexp.MustCompile(`^\w[\w-.]+\w$`)

func (s *tokenRoles) write(r *backend.Request) (*backend.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	role := tokenRole{
		Name: r.Params["role"], AllowedPolicies: []string{}, AllowedPoliciesGlob: []string{},
		DisallowedPolicies: []string{}, DisallowedPoliciesGlob: []string{}, Renewable: true, Type: "default-service",
	}
	if old := s.byName[role.Name]; old != nil {
		role = *old
	}
	if err := r.Fields.Decode(&role); err != nil {
		return nil, err
	}
	var err error
	if role.BoundCIDRs, err = backend.ParseCIDRs(role.BoundCIDRs); err != nil {
		return nil, err
	}
	if r.Fields.Has("period") && !r.Fields.Has("token_period") {
		role.Period = role.OldPeriod
	}
	if r.Fields.Has("explicit_max_ttl") && !r.Fields.Has("token_explicit_max_ttl") {
		role.ExplicitMaxTTL = role.OldExplicitMaxTTL
	}
	if role.PathSuffix != "" && !pathSuffix.MatchString(role.PathSuffix) {
		return nil, backend.BadRequest(`given role path suffix contains invalid characters; must match \w[\w-.]+\w`)
	}
	s.byName[role.Name] = &role
	return nil, nil
}

func (s *tokenRoles) exists(r *backend.Request) bool { return s.get(r.Params["role"]) != nil }

func (s *tokenRoles) read(r *backend.Request) (*backend.Response, error) {
	if role := s.get(r.Params["role"]); role != nil {
		return backend.Data(role)
	}
	return nil, nil
}

func (s *tokenRoles) delete(r *backend.Request) (*backend.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byName, r.Params["role"])
	return nil, nil
}

func (s *tokenRoles) list(*backend.Request) (*backend.Response, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return backend.Keys(slices.Sorted(maps.Keys(s.byName)))
}

// policyNames returns the policies of a token of the role.
func (role *tokenRole) policyNames(in *tokenRequest, by *caller) ([]string, error) {
	noDefault := role.NoDefaultPolicy || in.NoDefaultPolicy
	restricted := len(role.AllowedPolicies)+len(role.AllowedPoliciesGlob) > 0
	asked := in.Policies
	switch {
	case len(asked) > 0:
	case len(role.AllowedPolicies) > 0:
		asked = role.AllowedPolicies
	case !restricted && len(role.DisallowedPolicies)+len(role.DisallowedPoliciesGlob) == 0:
		asked = by.Policies
	}
	names := policyNames(asked, noDefault)
	allowed := policyNames(role.AllowedPolicies, noDefault)
	for _, name := range names {
		if slices.Contains(role.DisallowedPolicies, name) || anyGlob(role.DisallowedPoliciesGlob, name) {
			return nil, backend.BadRequest("token policy %q is disallowed by this role", name)
		}
		if restricted && !slices.Contains(allowed, name) && !anyGlob(role.AllowedPoliciesGlob, name) {
			return nil, backend.BadRequest("token policies (%s) must be subset of the role's allowed policies (%s) or glob policies (%s)",
				quoted(names), quoted(allowed), quoted(role.AllowedPoliciesGlob))
		}
		if !restricted && name == "root" && !by.isRoot() {
			return nil, backend.BadRequest("root tokens may not be created without parent token being root")
		}
	}
	return names, nil
}

func anyGlob(globs []string, name string) bool {
	return slices.ContainsFunc(globs, func(glob string) bool {
		ok, err := path.Match(glob, name)
		return ok && err == nil
	})
}

func quoted(names []string) string { return fmt.Sprintf("%q", names) }

// apply sets the role's parameters on a token. A nil role has none.
func (role *tokenRole) apply(t *token) {
	if role == nil {
		return
	}
	if role.Orphan {
		t.Parent = ""
	}
	if role.PathSuffix != "" {
		t.Path += "/" + role.PathSuffix
	}
	if role.Period > 0 {
		t.Period = time.Duration(role.Period)
	}
	if limit := time.Duration(role.ExplicitMaxTTL); limit > 0 && (t.ExplicitMaxTTL == 0 || limit < t.ExplicitMaxTTL) {
		t.ExplicitMaxTTL = limit
	}
	if role.NumUses > 0 && (t.NumUses == 0 || role.NumUses < t.NumUses) {
		t.NumUses = role.NumUses
	}
	t.BoundCIDRs = role.BoundCIDRs
	t.Renewable = t.Renewable && role.Renewable
}
