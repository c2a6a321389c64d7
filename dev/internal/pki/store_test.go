// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"crypto/x509"
	"math/big"
	"testing"
	"time"
)

// TestStoreIsBounded adds more than the limit. The store must remove the expired
// certificates first, then the oldest.
func TestStoreIsBounded(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	s := newStore()
	s.limit = 100
	add := func(serial int64, life time.Duration) {
		cert := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: now.Add(life)}
		s.add(cert, "issuer", now)
	}
	for serial := range int64(100) {
		life := time.Hour
		if serial%2 == 1 {
			life = time.Minute
		}
		add(serial+1, life)
	}
	now = now.Add(2 * time.Minute)
	add(101, time.Hour)
	if got := len(s.serials(false)); got != 51 {
		t.Errorf("after the short-lived ones expired: %d", got)
	}
	for serial := range int64(100) {
		add(200+serial, time.Hour)
	}
	if got := len(s.serials(false)); got > s.limit {
		t.Errorf("%d certificates, limit %d", got, s.limit)
	}
	if _, ok := s.get("01"); ok {
		t.Error("the oldest is still there")
	}
	newest := colons(big.NewInt(299).Bytes())
	if _, ok := s.get(newest); !ok {
		t.Error("the newest is gone")
	}
	if len(s.order) != len(s.certs) {
		t.Errorf("%d in order, %d in all", len(s.order), len(s.certs))
	}
}
