// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev

import (
	"strings"
	"sync"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

// lease is the server's record of a leased answer.
type lease struct {
	id, tokenID string
	issued      time.Time
	renewed     time.Time
	expires     time.Time
	ttl, max    time.Duration
	renewable   bool
	revoke      func()
}

// leaseStore owns the leases.
type leaseStore struct {
	mu         sync.Mutex
	leases     map[string]*lease
	byToken    map[string]map[string]struct{} // lease ids by token id
	sinceSweep int
}

func newLeaseStore() *leaseStore {
	return &leaseStore{leases: make(map[string]*lease), byToken: make(map[string]map[string]struct{})}
}

func (s *leaseStore) add(c *call, from *backend.Lease) lease {
	l := lease{
		id: c.path + "/" + backend.Random(24), tokenID: c.TokenID, issued: c.Now, expires: c.Now.Add(from.Duration),
		ttl: from.Duration, max: c.MaxTTL, renewable: from.Renewable, revoke: from.Revoke,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(c.Now)
	stored := l
	s.leases[l.id] = &stored
	if s.byToken[l.tokenID] == nil {
		s.byToken[l.tokenID] = make(map[string]struct{})
	}
	s.byToken[l.tokenID][l.id] = struct{}{}
	return l
}

// find returns a lease that has not expired.
func (s *leaseStore) find(id string, now time.Time) (lease, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.leases[id]
	if l == nil || !now.Before(l.expires) {
		return lease{}, false
	}
	return *l, true
}

// renew extends a lease, up to the mount's maximum.
func (s *leaseStore) renew(id string, increment time.Duration, now time.Time) (lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.leases[id]
	switch {
	case l == nil || !now.Before(l.expires):
		return lease{}, backend.BadRequest("lease not found")
	case !l.renewable:
		return lease{}, backend.BadRequest("%v", errNotRenewable)
	case increment == 0:
		increment = l.ttl
	}
	l.renewed, l.expires = now, now.Add(increment)
	if end := l.issued.Add(l.max); l.expires.After(end) {
		l.expires = end
	}
	return *l, nil
}

// revoke revokes the leases that a function selects.
func (s *leaseStore) revoke(match func(*lease) bool) {
	s.mu.Lock()
	var ended []*lease
	for _, l := range s.leases {
		if match(l) {
			ended = append(ended, l)
			s.remove(l)
		}
	}
	s.mu.Unlock()
	runRevoke(ended)
}

func (s *leaseStore) revokeID(id string) {
	s.mu.Lock()
	l := s.leases[id]
	if l == nil {
		s.mu.Unlock()
		return
	}
	s.remove(l)
	s.mu.Unlock()
	runRevoke([]*lease{l})
}

func (s *leaseStore) revokePrefix(prefix string) {
	s.revoke(func(l *lease) bool { return strings.HasPrefix(l.id, prefix) })
}

// revokeToken revokes the leases of a token.
func (s *leaseStore) revokeToken(tokenID string) {
	s.mu.Lock()
	var ended []*lease
	for id := range s.byToken[tokenID] {
		ended = append(ended, s.leases[id])
		s.remove(s.leases[id])
	}
	s.mu.Unlock()
	runRevoke(ended)
}

// runRevoke calls the leases' revoke functions. It must not hold the lock, since
// the mounts take their own.
func runRevoke(ended []*lease) {
	for _, l := range ended {
		if l.revoke != nil {
			l.revoke()
		}
	}
}

func (s *leaseStore) remove(l *lease) {
	delete(s.leases, l.id)
	delete(s.byToken[l.tokenID], l.id)
	if len(s.byToken[l.tokenID]) == 0 {
		delete(s.byToken, l.tokenID)
	}
}

// sweep removes expired leases from time to time. The leased secrets expired
// together with them, so nothing is revoked.
func (s *leaseStore) sweep(now time.Time) {
	if s.sinceSweep++; s.sinceSweep < sweepEvery {
		return
	}
	s.sinceSweep = 0
	for _, l := range s.leases {
		if !now.Before(l.expires) {
			s.remove(l)
		}
	}
}
