// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"slices"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

const noAIA = "This mount hasn't configured any authority information access (AIA) fields; this may make it harder for systems to find missing certificates in the chain or to validate revocation status of certificates. Consider updating /config/urls or the newly generated issuer with this information."

// authority is a CA certificate, or its CSR, to be created.
type authority struct {
	in     certRequest
	role   *role // for the key and the subject
	names  *names
	export bool // whether the key is returned
}

// newAuthority parses the body of a request for a CA: the fields of a certificate,
// and the fields of a role for the key and the subject.
func newAuthority(r *backend.Request) (*authority, error) {
	a := &authority{role: newRole()}
	a.role.AllowAnyName, a.role.EnforceHostnames = true, false
	if err := a.in.decode(r); err != nil {
		return nil, err
	}
	if err := r.Fields.Decode(a.role); err != nil {
		return nil, err
	}
	a.role.UseCSRCommonName, a.role.UseCSRSANs, a.role.RequireCN = a.in.UseCSRValues, a.in.UseCSRValues, false
	// These describe the CA itself and have been read into a.in.
	a.role.TTL, a.role.MaxTTL, a.role.NotAfter = 0, 0, ""
	var err error
	if a.role.KeyBits, err = keyBits(a.role.KeyType, a.role.KeyBits); err != nil {
		return nil, err
	}
	kind := r.Params["exported"]
	if !slices.Contains([]string{"", "internal", "exported"}, kind) {
		return nil, backend.BadRequest(`the "exported" path parameter must be "internal", "existing", exported" or "kms"`)
	}
	a.export = kind == "exported"
	a.names, _, err = a.in.names(a.role, nil)
	return a, err
}

// template returns the CA certificate to sign.
func (a *authority) template(public crypto.PublicKey, now, end time.Time) (*x509.Certificate, error) {
	id, err := keyID(public)
	return &x509.Certificate{
		SerialNumber: newSerial(), Subject: a.role.subject(a.names.common, a.in.SerialNumber), SubjectKeyId: id,
		NotBefore: now.Add(-time.Duration(a.role.NotBeforeDuration)), NotAfter: end,
		DNSNames: a.names.dns, EmailAddresses: a.names.email, IPAddresses: a.names.ips, URIs: a.names.uris,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true,
		MaxPathLen: a.in.MaxPathLength, MaxPathLenZero: a.in.MaxPathLength == 0,
	}, err
}

// generateRoot answers root/generate/<exported>.
func (p *PKI) generateRoot(r *backend.Request) (*backend.Response, error) { return p.makeRoot(r, "") }

// rotateRoot answers root/rotate/<exported>. It creates another root, which
// root/replace makes the default.
func (p *PKI) rotateRoot(r *backend.Request) (*backend.Response, error) {
	return p.makeRoot(r, nextName)
}

// makeRoot creates a root. A root without a requested name gets the given default
// name, unless that is in use.
func (p *PKI) makeRoot(r *backend.Request, otherwise string) (*backend.Response, error) {
	a, err := newAuthority(r)
	if err != nil {
		return nil, err
	}
	end, warnings, err := a.in.notAfter(a.role, r)
	if err != nil {
		return nil, err
	}
	key, err := generateKey(a.role.KeyType, a.role.KeyBits)
	if err != nil {
		return nil, err
	}
	template, err := a.template(key.Public(), r.Now, end)
	if err != nil {
		return nil, err
	}
	template.AuthorityKeyId = template.SubjectKeyId
	cert, err := makeCert(template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	is, more, err := p.addRoot(cert, key, a.in.IssuerName, otherwise)
	if err != nil {
		return nil, err
	}
	p.issued.add(cert, is.id, r.Now)
	data, err := a.describe(is)
	return &backend.Response{Data: data, Warnings: append(warnings, more...)}, err
}

// addRoot adds a certificate as an issuer.
func (p *PKI) addRoot(cert *x509.Certificate, key crypto.Signer, name, otherwise string) (is *issuer, warnings []string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.issuers.checkName(name, nil); err != nil {
		return nil, nil, err
	}
	if name == "" && p.issuers.checkName(otherwise, nil) == nil {
		name = otherwise
	}
	is = &issuer{id: backend.UUID(), name: name, cert: cert, key: key, notAfter: "err"}
	is.keyID = p.issuers.addKey(key)
	p.issuers.add(is)
	p.issuers.followTo(is)
	return is, p.urls.warnings(), nil
}

// warnings returns Vault's warnings about a new issuer.
func (u *urls) warnings() []string {
	if len(u.Issuing)+len(u.CRL)+len(u.OCSP) == 0 {
		return []string{noAIA}
	}
	return nil
}

// describe returns the answer to generating a root.
func (a *authority) describe(is *issuer) (map[string]any, error) {
	data := map[string]any{
		"expiration": is.cert.NotAfter.Unix(), "serial_number": serialOf(is.cert), "issuer_id": is.id, "issuer_name": is.name,
		"key_id": is.keyID, "key_name": a.in.KeyName,
	}
	shown := is.key
	if !a.export {
		shown = nil
	}
	err := a.in.encode(data, is.cert, is.cert, nil, shown)
	delete(data, "ca_chain") // a root has no chain
	return data, err
}

// makeCert signs a template.
func makeCert(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, backend.Internal("unable to create certificate: %v", err)
	}
	return x509.ParseCertificate(der)
}
