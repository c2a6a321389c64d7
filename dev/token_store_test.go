// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev

import (
	"testing"
	"time"
)

// TestExpiredTokensAreRemoved creates tokens that are never looked up again. The
// store must remove them.
func TestExpiredTokensAreRemoved(t *testing.T) {
	var ended int
	s := newTokenStore(func(string) { ended++ })
	now := time.Unix(1_000_000, 0)
	const made = 10 * sweepEvery
	for range made {
		if _, err := s.add(token{Created: now, Expires: now.Add(time.Second)}); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Second)
	}
	if len(s.tokens) > sweepEvery || len(s.accessors) != len(s.tokens) {
		t.Errorf("%d tokens and %d accessors are kept", len(s.tokens), len(s.accessors))
	}
	if ended+len(s.tokens) != made {
		t.Errorf("%d ended and %d are kept, of %d", ended, len(s.tokens), made)
	}
}

func TestRevokeOrphanKeepsChildren(t *testing.T) {
	s := newTokenStore(func(string) {})
	now := time.Unix(1_000_000, 0)
	parent, err := s.add(token{Created: now})
	if err != nil {
		t.Fatal(err)
	}
	child, err := s.add(token{Created: now, Parent: parent.ID})
	if err != nil {
		t.Fatal(err)
	}
	s.revokeOrphan(parent.ID)
	if _, ok := s.lookup(parent.ID, now); ok {
		t.Error("the parent lives")
	}
	if got, ok := s.lookup(child.ID, now); !ok || !got.Orphan {
		t.Errorf("the child: %+v, %t", got, ok)
	}
}
