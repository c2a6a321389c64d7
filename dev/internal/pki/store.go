// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"crypto/x509"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxStored limits the stored certificates. Beyond it, the store removes the
// expired ones, then the oldest.
const maxStored = 50_000

// record is a stored certificate.
type record struct {
	der      []byte
	issuerID string
	notAfter time.Time
	revoked  time.Time // zero: not revoked
}

// store contains the certificates of a mount, by serial number with colons.
type store struct {
	mu    sync.Mutex
	certs map[string]*record
	order []string // serials, oldest first
	limit int

	revocations int    // a counter, to detect a revocation during the creation of a CRL
	crl         []byte // the latest CRL, nil if a new one is needed
	crlOf       string // the issuer that signed it
	crlAt       time.Time
}

func newStore() store { return store{certs: make(map[string]*record), limit: maxStored} }

func (s *store) add(cert *x509.Certificate, issuerID string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.certs) >= s.limit {
		s.shrink(now)
	}
	serial := serialOf(cert)
	s.certs[serial] = &record{der: cert.Raw, issuerID: issuerID, notAfter: cert.NotAfter}
	s.order = append(s.order, serial)
}

// shrink removes the expired certificates and, if these are less than a tenth, the
// oldest tenth.
func (s *store) shrink(now time.Time) {
	s.order = slices.DeleteFunc(s.order, func(serial string) bool {
		expired := now.After(s.certs[serial].notAfter)
		if expired {
			delete(s.certs, serial)
		}
		return expired
	})
	if tenth := s.limit / 10; len(s.order) > s.limit-tenth {
		for _, serial := range s.order[:tenth] {
			delete(s.certs, serial)
		}
		s.order = append([]string(nil), s.order[tenth:]...)
	}
}

func (s *store) get(serial string) (record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rec := s.certs[normalSerial(serial)]; rec != nil {
		return *rec, true
	}
	return record{}, false
}

// revoke marks a certificate as revoked and returns the time of its first
// revocation.
func (s *store) revoke(serial string, now time.Time) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec := s.certs[normalSerial(serial)]
	if rec == nil {
		return time.Time{}, false
	}
	if rec.revoked.IsZero() {
		rec.revoked, s.crl = now, nil
		s.revocations++
	}
	return rec.revoked, true
}

// serials lists all certificates, or the revoked ones, in order.
func (s *store) serials(revokedOnly bool) (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for serial, rec := range s.certs {
		if !revokedOnly || !rec.revoked.IsZero() {
			list = append(list, serial)
		}
	}
	slices.Sort(list)
	return list
}

// serialOf formats a serial number as Vault does, in bytes with colons.
func serialOf(cert *x509.Certificate) string { return colons(cert.SerialNumber.Bytes()) }

func colons(b []byte) string {
	text := hex.EncodeToString(b)
	parts := make([]string, 0, len(b))
	for ; len(text) >= 2; text = text[2:] {
		parts = append(parts, text[:2])
	}
	return strings.Join(parts, ":")
}

// normalSerial converts dashes to colons and upper case to lower case.
func normalSerial(serial string) string {
	return strings.ToLower(strings.ReplaceAll(serial, "-", ":"))
}
