// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

var (
	errDuplicateID  = errors.New("cannot create a token with a duplicate ID")
	errNotRenewable = errors.New("lease is not renewable")
)

// sweepEvery is how many new tokens are added between removals of expired ones.
const sweepEvery = 256

// tokenStore owns the tokens. Callers do not see an expired token or its
// children, even before these are removed.
type tokenStore struct {
	revoked func(id string) // called for each revoked token, without the lock

	mu         sync.Mutex
	tokens     map[string]*token
	accessors  map[string]string              // to the token's id
	children   map[string]map[string]struct{} // by the parent's id
	sinceSweep int
}

func newTokenStore(revoked func(string)) *tokenStore {
	return &tokenStore{
		revoked: revoked, tokens: make(map[string]*token),
		accessors: make(map[string]string), children: make(map[string]map[string]struct{}),
	}
}

// add stores a token. It creates missing ids and accessors.
func (s *tokenStore) add(t token) (token, error) {
	if t.ID == "" {
		t.ID = "hvs." + backend.Random(24)
	}
	t.Accessor = backend.Random(24)
	s.tell(s.sweep(t.Created))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens[t.ID] != nil {
		return token{}, errDuplicateID
	}
	stored := t
	s.tokens[t.ID], s.accessors[t.Accessor] = &stored, t.ID
	if t.Parent != "" {
		if s.children[t.Parent] == nil {
			s.children[t.Parent] = make(map[string]struct{})
		}
		s.children[t.Parent][t.ID] = struct{}{}
	}
	return t, nil
}

// use returns a valid token and counts one use.
func (s *tokenStore) use(id string, now time.Time) (token, bool) {
	return s.get(id, now, true)
}

// lookup returns a valid token.
func (s *tokenStore) lookup(id string, now time.Time) (token, bool) {
	return s.get(id, now, false)
}

func (s *tokenStore) get(id string, now time.Time, use bool) (token, bool) {
	s.mu.Lock()
	t := s.tokens[id]
	var ended []string
	if t != nil && !s.live(t, now) {
		ended, t = s.remove(id), nil
	}
	if t == nil || use && t.NumUses == lastUse {
		s.mu.Unlock()
		s.tell(ended)
		return token{}, false
	}
	if use && t.NumUses > 0 {
		if t.NumUses--; t.NumUses == 0 {
			t.NumUses = lastUse
		}
	}
	copied := *t
	s.mu.Unlock()
	return copied, true
}

// live reports whether neither a token nor any of its ancestors has expired.
func (s *tokenStore) live(t *token, now time.Time) bool {
	for !t.expired(now) {
		if t.Parent == "" {
			return true
		}
		if t = s.tokens[t.Parent]; t == nil {
			return false
		}
	}
	return false
}

// byAccessor returns the id of a valid token.
func (s *tokenStore) byAccessor(accessor string, now time.Time) (string, bool) {
	s.mu.Lock()
	id, ok := s.accessors[accessor]
	s.mu.Unlock()
	if !ok {
		return "", false
	}
	_, ok = s.lookup(id, now)
	return id, ok
}

// listAccessors returns the accessors of all valid tokens, in no order.
func (s *tokenStore) listAccessors(now time.Time) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for accessor, id := range s.accessors {
		if s.live(s.tokens[id], now) {
			list = append(list, accessor)
		}
	}
	return list
}

// renew extends a token.
func (s *tokenStore) renew(id string, increment time.Duration, now time.Time) (token, []string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tokens[id]
	if t == nil || !s.live(t, now) {
		return token{}, nil, backend.BadRequest("token not found")
	}
	if !t.Renewable {
		return token{}, nil, backend.BadRequest("%v", errNotRenewable)
	}
	warnings := t.extend(now, increment)
	if strings.HasPrefix(t.Path, "auth/token/") {
		t.Granted = t.left(now) // the TTL of the last renewal; for a login, the role's
	}
	t.Renewed = now
	return *t, warnings, nil
}

// revoke revokes a token, its children and their leases.
func (s *tokenStore) revoke(id string) {
	s.mu.Lock()
	ended := s.remove(id)
	s.mu.Unlock()
	s.tell(ended)
}

// revokeOrphan revokes a token; its children become orphans.
func (s *tokenStore) revokeOrphan(id string) {
	s.mu.Lock()
	for child := range s.children[id] {
		s.tokens[child].Parent, s.tokens[child].Orphan = "", true
	}
	delete(s.children, id)
	ended := s.remove(id)
	s.mu.Unlock()
	s.tell(ended)
}

// remove removes a token and its children and returns their ids.
func (s *tokenStore) remove(id string) (ended []string) {
	t := s.tokens[id]
	if t == nil {
		return nil
	}
	for child := range s.children[id] {
		ended = append(ended, s.remove(child)...)
	}
	delete(s.tokens, id)
	delete(s.accessors, t.Accessor)
	delete(s.children, id)
	if siblings := s.children[t.Parent]; siblings != nil {
		delete(siblings, id)
	}
	return append(ended, id)
}

func (s *tokenStore) tell(ended []string) {
	for _, id := range ended {
		s.revoked(id)
	}
}

// sweep removes expired tokens from time to time.
func (s *tokenStore) sweep(now time.Time) (ended []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sinceSweep++; s.sinceSweep < sweepEvery {
		return nil
	}
	s.sinceSweep = 0
	for id, t := range s.tokens {
		if t.expired(now) {
			ended = append(ended, s.remove(id)...)
		}
	}
	return ended
}
