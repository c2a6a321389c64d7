// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package login contains the login methods approle, cert, jwt, kubernetes and
// userpass. Each stores roles and verifies credentials. It returns a description
// of the token; it does not create the token.
package login

import (
	"maps"
	"slices"
	"sync"

	"github.com/certagent/certagent/dev/internal/backend"
)

// roles maps names to roles. Stored roles are replaced, never modified.
type roles[T any] struct {
	mu     sync.RWMutex
	byName map[string]*T
}

func (s *roles[T]) get(name string) *T {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byName[name]
}

// update replaces a role with a changed copy. An unknown role is created.
func (s *roles[T]) update(name string, fresh func() T, change func(*T) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	role := fresh()
	if old := s.byName[name]; old != nil {
		role = *old
	}
	if err := change(&role); err != nil {
		return err
	}
	if s.byName == nil {
		s.byName = make(map[string]*T)
	}
	s.byName[name] = &role
	return nil
}

func (s *roles[T]) all() []*T {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Collect(maps.Values(s.byName))
}

// read, delete and list are handlers for routes with {name}.
func (s *roles[T]) read(r *backend.Request) (*backend.Response, error) {
	if role := s.get(r.Params["name"]); role != nil {
		return backend.Data(role)
	}
	return nil, nil
}

func (s *roles[T]) delete(r *backend.Request) (*backend.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byName, r.Params["name"])
	return nil, nil
}

func (s *roles[T]) list(*backend.Request) (*backend.Response, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return backend.Keys(slices.Sorted(maps.Keys(s.byName)))
}

func (s *roles[T]) exists(r *backend.Request) bool { return s.get(r.Params["name"]) != nil }
