// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"

	"github.com/certagent/certagent/dev/internal/backend"
)

// setSigned answers intermediate/set-signed and the imports. It creates issuers
// from certificates and, if present, keys.
func (p *PKI) setSigned(r *backend.Request) (*backend.Response, error) {
	text := r.Fields.String("certificate")
	if text == "" {
		text = r.Fields.String("pem_bundle")
	}
	if text == "" {
		return nil, backend.BadRequest("'pem_bundle' and 'certificate' parameters were empty")
	}
	if len(text) < 75 {
		return nil, backend.BadRequest("provided data for import was too short; perhaps a path was passed to the API rather than the contents of a PEM file")
	}
	certs, keys, err := parseBundle(text)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var importedKeys, imported, existing []string
	var signers []*issuer // the new issuers that have a key
	mapping := make(map[string]string)
	for _, key := range keys {
		importedKeys = append(importedKeys, p.issuers.addKey(key))
	}
	for _, cert := range certs {
		if id := p.issuers.idOf(cert); id != "" {
			existing = append(existing, id)
			mapping[id] = p.issuers.byID[id].keyID
			continue
		}
		is := &issuer{id: backend.UUID(), cert: cert, notAfter: "err"}
		is.keyID, is.key = p.issuers.keyOf(cert)
		p.issuers.add(is)
		p.issued.add(cert, is.id, r.Now)
		if is.key != nil {
			signers = append(signers, is)
		}
		imported, mapping[is.id] = append(imported, is.id), is.keyID
	}
	if len(signers) == 1 {
		p.issuers.followTo(signers[0])
	}
	res := &backend.Response{Data: map[string]any{
		"existing_issuers": existing, "existing_keys": nil, "imported_issuers": imported, "imported_keys": importedKeys, "mapping": mapping,
	}}
	if len(imported) > 0 {
		res.Warnings = p.urls.warnings()
	}
	return res, nil
}

func (s *issuers) idOf(cert *x509.Certificate) string {
	for id, is := range s.byID {
		if bytes.Equal(is.cert.Raw, cert.Raw) {
			return id
		}
	}
	return ""
}

func parseBundle(text string) (certs []*x509.Certificate, keys []crypto.Signer, err error) {
	for rest := []byte(text); ; {
		block, more := pem.Decode(rest)
		if block == nil {
			break
		}
		rest = more
		if block.Type == "CERTIFICATE" {
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, nil, backend.BadRequest("unable to parse certificate: %v", err)
			}
			certs = append(certs, cert)
		} else if key := parseKey(block.Bytes); key != nil {
			keys = append(keys, key)
		}
	}
	if len(certs) == 0 {
		return nil, nil, backend.BadRequest("provided PEM block contained no data")
	}
	return certs, keys, nil
}

func parseKey(der []byte) crypto.Signer {
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil
	}
	signer, _ := key.(crypto.Signer)
	return signer
}
