// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"strings"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

// crlConfig is config/crl. The dev server uses expiry only.
type crlConfig struct {
	Expiry  string `json:"expiry"`
	Disable bool   `json:"disable"`
}

func (p *PKI) readCRLConfig(*backend.Request) (*backend.Response, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return backend.Data(p.crl)
}

func (p *PKI) writeCRLConfig(r *backend.Request) (*backend.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.crl
	if err := r.Fields.Decode(&c); err != nil {
		return nil, err
	}
	if _, err := backend.ParseDuration(c.Expiry); err != nil {
		return nil, backend.BadRequest("given expiry could not be decoded: %v", err)
	}
	p.crl = c
	return backend.Data(c)
}

func (p *PKI) readCRL(r *backend.Request) (*backend.Response, error) {
	if p.byDefault() == nil {
		return empty, nil
	}
	der, err := p.makeCRL(r.Now)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(r.Path, "/pem") {
		return &backend.Response{Raw: []byte(encodePEM("X509 CRL", der)), ContentType: "application/x-pem-file"}, nil
	}
	return &backend.Response{Raw: der, ContentType: "application/pkix-crl"}, nil
}

func (p *PKI) rotateCRL(*backend.Request) (*backend.Response, error) {
	p.issued.forgetCRL()
	return backend.Data(map[string]any{"success": true})
}

// makeCRL returns the CRL of the default issuer. It creates a new one if the last
// has expired or if a certificate has been revoked since.
func (p *PKI) makeCRL(now time.Time) ([]byte, error) {
	is, _, err := p.issuer("default")
	if err != nil {
		return nil, err
	}
	p.mu.RLock()
	expiry, _ := backend.ParseDuration(p.crl.Expiry) // checked when written
	p.mu.RUnlock()
	if der := p.issued.freshCRL(is.id, now.Add(-expiry)); der != nil {
		return der, nil
	}
	entries, revocations := p.issued.revokedBy(is.id)
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(now.UnixNano()), ThisUpdate: now, NextUpdate: now.Add(expiry), RevokedCertificateEntries: entries,
	}, is.cert, is.key)
	if err == nil {
		p.issued.keepCRL(der, is.id, now, revocations)
	}
	return der, err
}

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

// keepCRL stores a CRL, unless a certificate was revoked during its creation.
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
