// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"crypto"
	"crypto/x509"

	"github.com/certagent/certagent/dev/internal/backend"
)

// order is a certificate to be issued: its issuer, its rules and its key.
type order struct {
	*backend.Request
	in       certRequest
	role     *role
	issuer   *issuer
	chain    []*x509.Certificate
	verbatim *x509.CertificateRequest // set if its subject and names are used unchanged
	key      crypto.Signer            // nil if the client has it
	public   crypto.PublicKey
	warnings []string
}

// newOrder parses the request and finds the role and the issuer.
func (p *PKI) newOrder(r *backend.Request, ro *role) (*order, error) {
	o := &order{Request: r, role: ro}
	if err := o.in.decode(r); err != nil {
		return nil, err
	}
	o.warnings = o.in.unknown(r)
	ref := r.Params["issuer"]
	if ref == "" {
		ref = ro.IssuerRef
	}
	var err error
	if o.issuer, o.chain, err = p.issuer(ref); err != nil {
		return nil, backend.Listed(500, "could not fetch the CA certificate (was one set?): "+plain(err))
	}
	return o, nil
}

// issue answers issue/<role> with a new key and its certificate.
func (p *PKI) issue(r *backend.Request) (*backend.Response, error) {
	ro := p.role(r.Params["role"])
	if ro == nil {
		return nil, backend.BadRequest("unknown role: %s", r.Params["role"])
	}
	if ro.KeyType == "any" {
		return nil, backend.BadRequest(`role key type "any" not allowed for issuing certificates, only signing`)
	}
	o, err := p.newOrder(r, ro)
	if err != nil {
		return nil, err
	}
	n, err := o.allowedNames(nil)
	if err != nil {
		return nil, err
	}
	if o.key, err = generateKey(ro.KeyType, ro.KeyBits); err != nil {
		return nil, err
	}
	o.public = o.key.Public()
	return p.complete(o, n)
}

// sign answers sign/<role> with a certificate for the key of a CSR.
func (p *PKI) sign(r *backend.Request) (*backend.Response, error) {
	ro := p.role(r.Params["role"])
	if ro == nil {
		return nil, backend.BadRequest("unknown role: %s", r.Params["role"])
	}
	return p.signWith(r, ro, false)
}

func (p *PKI) signWith(r *backend.Request, ro *role, verbatim bool) (*backend.Response, error) {
	o, err := p.newOrder(r, ro)
	if err != nil {
		return nil, err
	}
	csr, err := o.in.parseCSR()
	if err != nil {
		return nil, err
	}
	if err := ro.checkKey(csr.PublicKey); err != nil {
		return nil, err
	}
	if verbatim {
		o.verbatim, o.in.ExcludeCNFromSANs = csr, true
	}
	n, err := o.allowedNames(csr)
	if err != nil {
		return nil, err
	}
	o.public = csr.PublicKey
	return p.complete(o, n)
}

// signVerbatim answers sign-verbatim: it uses the names of the CSR unchanged. Of a
// role it uses only the lifetimes and the storage options.
func (p *PKI) signVerbatim(r *backend.Request) (*backend.Response, error) {
	ro := newRole()
	ro.AllowAnyName, ro.EnforceHostnames, ro.RequireCN, ro.KeyType = true, false, false, "any"
	ro.ServerFlag, ro.ClientFlag, ro.AllowedURISANs = false, false, []string{"*"}
	if name := r.Params["role"]; name != "" {
		from := p.role(name)
		if from == nil {
			return nil, backend.BadRequest("unknown role: %s", name)
		}
		ro.TTL, ro.MaxTTL, ro.NoStore, ro.GenerateLease = from.TTL, from.MaxTTL, from.NoStore, from.GenerateLease
		ro.NotBeforeDuration, ro.IssuerRef = from.NotBeforeDuration, from.IssuerRef
	}
	return p.signWith(r, ro, true)
}

// checkKey refuses the key of a CSR if the role does not allow its type or size.
func (ro *role) checkKey(public crypto.PublicKey) error {
	if ro.KeyType == "any" {
		return nil
	}
	kind, bits := keyType(public)
	if kind != ro.KeyType {
		return backend.BadRequest("role requires keys of type %s", ro.KeyType)
	}
	if bits < ro.KeyBits {
		return backend.BadRequest("role requires a minimum of a %d-bit key, but CSR's key is %d bits", ro.KeyBits, bits)
	}
	return nil
}

func (o *order) allowedNames(csr *x509.CertificateRequest) (*names, error) {
	n, warnings, err := o.in.names(o.role, csr)
	if err != nil {
		return nil, err
	}
	if err := o.in.checkFields(o.role); err != nil {
		return nil, err
	}
	given := "via the API"
	if csr != nil && o.role.UseCSRSANs {
		given = "via CSR"
	}
	o.warnings = append(o.warnings, warnings...)
	return n, o.role.check(n, given)
}

// complete signs the certificate and returns the answer.
func (p *PKI) complete(o *order, n *names) (*backend.Response, error) {
	template, err := o.template(n)
	if err != nil {
		return nil, err
	}
	cert, err := p.signFor(o, template, o.public)
	if err != nil {
		return nil, err
	}
	return p.answer(o, cert)
}

// signFor signs a template with the issuer of the order. It stores the certificate
// unless the role has no_store.
func (p *PKI) signFor(o *order, template *x509.Certificate, public crypto.PublicKey) (*x509.Certificate, error) {
	p.mu.RLock()
	template.IssuingCertificateURL, template.CRLDistributionPoints, template.OCSPServer = p.urls.Issuing, p.urls.CRL, p.urls.OCSP
	p.mu.RUnlock()
	cert, err := makeCert(template, o.issuer.cert, public, o.issuer.key)
	if err == nil && !o.role.NoStore {
		p.issued.add(cert, o.issuer.id, o.Now)
	}
	return cert, err
}
