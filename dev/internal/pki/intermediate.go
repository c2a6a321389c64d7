// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"

	"github.com/certagent/certagent/dev/internal/backend"
)

// generateIntermediate answers intermediate/generate/<exported>. It returns a CSR
// and keeps the key for the certificate that set-signed stores later.
func (p *PKI) generateIntermediate(r *backend.Request) (*backend.Response, error) {
	a, err := newAuthority(r)
	if err != nil {
		return nil, err
	}
	key, err := generateKey(a.role.KeyType, a.role.KeyBits)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:  a.role.subject(a.names.common, a.in.SerialNumber),
		DNSNames: a.names.dns, EmailAddresses: a.names.email, IPAddresses: a.names.ips, URIs: a.names.uris,
	}, key)
	if err != nil {
		return nil, err
	}
	data := map[string]any{"csr": encodePEM("CERTIFICATE REQUEST", der)}
	if a.in.Format == "der" {
		data["csr"] = base64.StdEncoding.EncodeToString(der)
	}
	if a.export {
		keyDER, block, err := marshalKey(key, a.in.PrivateKeyFormat == "pkcs8")
		if err != nil {
			return nil, err
		}
		data["private_key"] = encodePEM(block, keyDER)
		data["private_key_type"], _ = keyType(key.Public())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	data["key_id"] = p.issuers.addKey(key)
	return backend.Data(data)
}

// signIntermediate answers root/sign-intermediate: a CA certificate for a CSR.
func (p *PKI) signIntermediate(r *backend.Request) (*backend.Response, error) {
	a, err := newAuthority(r)
	if err != nil {
		return nil, err
	}
	o, err := p.newOrder(r, a.role)
	if err != nil {
		return nil, err
	}
	o.warnings = nil // a CA has more fields than a leaf
	csr, err := a.in.parseCSR()
	if err != nil {
		return nil, err
	}
	if a.in.UseCSRValues {
		if a.names, _, err = a.in.names(a.role, csr); err != nil {
			return nil, err
		}
	}
	end, err := o.notAfter()
	if err != nil {
		return nil, err
	}
	template, err := a.template(csr.PublicKey, r.Now, end)
	if err != nil {
		return nil, err
	}
	if a.in.UseCSRValues {
		template.RawSubject = csr.RawSubject
	}
	cert, err := p.signFor(o, template, csr.PublicKey)
	if err != nil {
		return nil, err
	}
	// The chain of a CA begins with the CA itself.
	o.chain = append([]*x509.Certificate{cert}, o.chain...)
	return p.answer(o, cert)
}
