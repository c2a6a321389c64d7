// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

const noAIA = "This mount hasn't configured any authority information access (AIA) fields; this may make it harder for systems to find missing certificates in the chain or to validate revocation status of certificates. Consider updating /config/urls or the newly generated issuer with this information."

// caRequest reads the body of what makes a CA: the fields of a certificate, and
// those of a role for its key and subject.
func caRequest(r *backend.Request) (in certRequest, ro *role, n *names, err error) {
	ro = newRole()
	ro.AllowAnyName, ro.EnforceHostnames = true, false
	if err = in.decode(r); err != nil {
		return
	}
	if err = r.Fields.Decode(ro); err != nil {
		return
	}
	ro.UseCSRCommonName, ro.UseCSRSANs, ro.RequireCN, ro.NotAfter = in.UseCSRValues, in.UseCSRValues, false, ""
	if ro.KeyBits, err = keyBits(ro.KeyType, ro.KeyBits); err != nil {
		return
	}
	n, _, err = in.names(ro, nil)
	return
}

// exported checks the last part of generate's paths.
func exported(r *backend.Request) (export bool, err error) {
	kind := r.Params["exported"]
	if !slices.Contains([]string{"internal", "exported"}, kind) {
		return false, backend.BadRequest(`the "exported" path parameter must be "internal", "existing", exported" or "kms"`)
	}
	return kind == "exported", nil
}

// generateRoot answers root/generate/<exported>.
func (p *PKI) generateRoot(r *backend.Request) (*backend.Response, error) {
	export, err := exported(r)
	if err != nil {
		return nil, err
	}
	in, ro, n, err := caRequest(r)
	if err != nil {
		return nil, err
	}
	end, warnings, err := in.notAfter(&role{NotAfter: ro.NotAfter}, r)
	if err != nil {
		return nil, err
	}
	key, err := generateKey(ro.KeyType, ro.KeyBits)
	if err != nil {
		return nil, err
	}
	template, err := caTemplate(ro, &in, n, key.Public(), r.Now, end)
	if err != nil {
		return nil, err
	}
	template.AuthorityKeyId = template.SubjectKeyId
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	is := &issuer{id: backend.UUID(), name: in.IssuerName, cert: cert, key: key, notAfter: "err"}
	p.mu.Lock()
	is.keyID = p.issuers.addKey(key)
	p.issuers.add(is)
	bare := len(p.urls.Issuing)+len(p.urls.CRL)+len(p.urls.OCSP) == 0
	p.mu.Unlock()
	p.issued.add(cert, is.id, r.Now)
	data := map[string]any{
		"expiration": cert.NotAfter.Unix(), "serial_number": serialOf(cert), "issuer_id": is.id, "issuer_name": is.name,
		"key_id": is.keyID, "key_name": in.KeyName,
	}
	shown := key
	if !export {
		shown = nil
	}
	if err := in.encode(data, cert, []*x509.Certificate{cert}, shown); err != nil {
		return nil, err
	}
	delete(data, "ca_chain")
	if bare {
		warnings = append(warnings, noAIA)
	}
	return &backend.Response{Data: data, Warnings: warnings}, nil
}

// caTemplate is a CA's certificate to sign.
func caTemplate(ro *role, in *certRequest, n *names, public crypto.PublicKey, now, end time.Time) (*x509.Certificate, error) {
	id, err := keyID(public)
	return &x509.Certificate{
		SerialNumber: newSerial(), Subject: ro.subject(n.common, in.SerialNumber), SubjectKeyId: id,
		NotBefore: now.Add(-time.Duration(ro.NotBeforeDuration)), NotAfter: end,
		DNSNames: n.dns, EmailAddresses: n.email, IPAddresses: n.ips, URIs: n.uris,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true,
		MaxPathLen: in.MaxPathLength, MaxPathLenZero: in.MaxPathLength == 0,
	}, err
}

// generateIntermediate answers intermediate/generate/<exported>: a CSR whose key
// stays here until set-signed brings the certificate.
func (p *PKI) generateIntermediate(r *backend.Request) (*backend.Response, error) {
	export, err := exported(r)
	if err != nil {
		return nil, err
	}
	in, ro, n, err := caRequest(r)
	if err != nil {
		return nil, err
	}
	key, err := generateKey(ro.KeyType, ro.KeyBits)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: ro.subject(n.common, in.SerialNumber), DNSNames: n.dns, EmailAddresses: n.email, IPAddresses: n.ips, URIs: n.uris,
	}, key)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	data := map[string]any{"key_id": p.issuers.addKey(key), "csr": encodePEM("CERTIFICATE REQUEST", der)}
	p.mu.Unlock()
	if in.Format == "der" {
		data["csr"] = base64.StdEncoding.EncodeToString(der)
	}
	if export {
		keyDER, block, err := marshalKey(key, in.PrivateKeyFormat == "pkcs8")
		if err != nil {
			return nil, err
		}
		data["private_key"] = encodePEM(block, keyDER)
		data["private_key_type"], _ = keyType(key.Public())
	}
	return backend.Data(data)
}

// signIntermediate answers root/sign-intermediate: a CA's certificate for a CSR.
func (p *PKI) signIntermediate(r *backend.Request) (*backend.Response, error) {
	in, ro, _, err := caRequest(r)
	if err != nil {
		return nil, err
	}
	ro.MaxTTL, ro.TTL = 0, 0
	o, err := p.newOrder(r, ro)
	if err != nil {
		return nil, err
	}
	o.warnings = nil
	csr, err := in.parseCSR()
	if err != nil {
		return nil, err
	}
	var from *x509.CertificateRequest
	if in.UseCSRValues {
		from = csr
	}
	n, _, err := in.names(ro, from)
	if err != nil {
		return nil, err
	}
	o.public = csr.PublicKey
	template, err := o.template(n)
	if err != nil {
		return nil, err
	}
	ca, err := caTemplate(ro, &in, n, csr.PublicKey, r.Now, template.NotAfter)
	if err != nil {
		return nil, err
	}
	if in.UseCSRValues {
		ca.RawSubject = csr.RawSubject
	}
	p.mu.RLock()
	ca.IssuingCertificateURL, ca.CRLDistributionPoints, ca.OCSPServer = p.urls.Issuing, p.urls.CRL, p.urls.OCSP
	p.mu.RUnlock()
	der, err := x509.CreateCertificate(rand.Reader, ca, o.issuer.cert, csr.PublicKey, o.issuer.key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	p.issued.add(cert, o.issuer.id, r.Now)
	// The chain of a new CA begins with itself.
	o.in.RemoveRoots = false
	res, err := p.answer(o, cert)
	if err == nil {
		data := res.Data.(map[string]any)
		data["ca_chain"] = append([]string{encodePEM("CERTIFICATE", cert.Raw)}, data["ca_chain"].([]string)...)
	}
	return res, err
}
