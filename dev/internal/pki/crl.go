// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"crypto/x509"
	"math/big"
	"strings"
	"time"
)

func (s *store) forgetCRL() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crl = nil
	s.revocations++
}

func (s *store) freshCRL(issuerID string, since time.Time) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.crlOf != issuerID || !s.crlAt.After(since) {
		return nil
	}
	return s.crl
}

// keepCRL stores a list, unless something was revoked while it was being made.
func (s *store) keepCRL(der []byte, issuerID string, at time.Time, revocations int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.revocations != revocations {
		return
	}
	s.crl, s.crlOf, s.crlAt = der, issuerID, at
}

func (s *store) revokedBy(issuerID string) (list []x509.RevocationListEntry, revocations int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for serial, rec := range s.certs {
		if rec.issuerID == issuerID && !rec.revoked.IsZero() {
			number, _ := new(big.Int).SetString(strings.ReplaceAll(serial, ":", ""), 16)
			list = append(list, x509.RevocationListEntry{SerialNumber: number, RevocationTime: rec.revoked})
		}
	}
	return list, s.revocations
}
