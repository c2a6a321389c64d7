// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev

import (
	_ "embed"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/certagent/certagent/dev/internal/backend"
	"github.com/certagent/certagent/dev/internal/policy"
)

// defaultPolicy lets a token manage itself and its own leases.
//
//go:embed default.hcl
var defaultPolicy string

// policyStore owns the policies.
type policyStore struct {
	mu     sync.RWMutex
	texts  map[string]string
	parsed map[string]*policy.Policy
}

func newPolicyStore() *policyStore {
	p, err := policy.Parse(defaultPolicy)
	if err != nil {
		panic(err) // the policy is embedded
	}
	return &policyStore{
		texts:  map[string]string{"default": defaultPolicy},
		parsed: map[string]*policy.Policy{"default": p},
	}
}

// acl combines the named policies. Unknown names are ignored.
func (s *policyStore) acl(names []string) *policy.ACL {
	if slices.Contains(names, "root") {
		return policy.NewACL(true, nil)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []*policy.Policy
	for _, name := range names {
		if p := s.parsed[name]; p != nil {
			list = append(list, p)
		}
	}
	return policy.NewACL(false, list)
}

func (s *policyStore) exists(name string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return name == "root" || s.parsed[name] != nil
}

func (s *policyStore) text(name string) (string, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	text, ok := s.texts[strings.ToLower(name)]
	return text, ok || name == "root"
}

func (s *policyStore) names() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return append(slices.Sorted(maps.Keys(s.texts)), "root")
}

func (s *policyStore) write(r *backend.Request) (*backend.Response, error) {
	name, text := strings.ToLower(r.Params["name"]), r.Fields.String("policy")
	if text == "" {
		text = r.Fields.String("rules") // the older name
	}
	switch {
	case name == "root":
		return nil, backend.BadRequest("cannot update %q policy", name)
	case text == "":
		return nil, backend.BadRequest("'policy' parameter not supplied or empty")
	}
	p, err := policy.Parse(text)
	if err != nil {
		return nil, backend.BadRequest("%v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts[name], s.parsed[name] = text, p
	if name != r.Params["name"] {
		return &backend.Response{Warnings: []string{"policy name was converted to " + name}}, nil
	}
	return nil, nil
}

func (s *policyStore) delete(r *backend.Request) (*backend.Response, error) {
	name := strings.ToLower(r.Params["name"])
	if name == "default" || name == "root" {
		return nil, backend.BadRequest("cannot delete %s policy", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.texts, name)
	delete(s.parsed, name)
	return nil, nil
}
