// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"crypto/x509"
	"slices"
	"strings"

	"github.com/certagent/certagent/dev/internal/backend"
)

func (p *PKI) listIssuers(*backend.Request) (*backend.Response, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if len(p.issuers.order) == 0 {
		return nil, nil
	}
	info := make(map[string]any)
	for id, is := range p.issuers.byID {
		info[id] = map[string]any{
			"is_default": id == p.issuers.byDefault, "issuer_name": is.name, "key_id": is.keyID, "serial_number": serialOf(is.cert),
		}
	}
	return backend.Data(map[string]any{"keys": slices.Sorted(slices.Values(p.issuers.order)), "key_info": info})
}

func (p *PKI) listKeys(*backend.Request) (*backend.Response, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var list []string
	info := make(map[string]any)
	byDefault := p.issuers.byID[p.issuers.byDefault]
	for id := range p.issuers.keys {
		list = append(list, id)
		info[id] = map[string]any{"is_default": byDefault != nil && byDefault.keyID == id, "key_name": ""}
	}
	if len(list) == 0 {
		return nil, nil
	}
	slices.Sort(list)
	return backend.Data(map[string]any{"keys": list, "key_info": info})
}

// found returns the issuer in the path.
func (p *PKI) found(r *backend.Request) (*issuer, []*x509.Certificate, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	is, err := p.issuers.find(r.Params["issuer"])
	if err != nil {
		return nil, nil, err
	}
	return is, p.issuers.chain(is), nil
}

func (p *PKI) readIssuer(r *backend.Request) (*backend.Response, error) {
	is, chain, err := p.found(r)
	if err != nil {
		return nil, err
	}
	data := is.describe(chain)
	for name, value := range map[string]any{
		"key_id": is.keyID, "leaf_not_after_behavior": is.notAfter, "manual_chain": nil, "revocation_signature_algorithm": "",
		"revoked": false, "usage": "crl-signing,issuing-certificates,ocsp-signing,read-only", "enable_aia_url_templating": false,
		"issuing_certificates": []string{}, "crl_distribution_points": []string{}, "delta_crl_distribution_points": []string{}, "ocsp_servers": []string{},
	} {
		data[name] = value
	}
	return backend.Data(data)
}

func (p *PKI) readIssuerJSON(r *backend.Request) (*backend.Response, error) {
	is, chain, err := p.found(r)
	if err != nil {
		return nil, err
	}
	return backend.Data(is.describe(chain))
}

// describe returns an issuer. Each PEM block ends with a newline, as in Vault,
// which does this here only.
func (is *issuer) describe(chain []*x509.Certificate) map[string]any {
	var texts []string
	for _, cert := range chain {
		texts = append(texts, encodePEM("CERTIFICATE", cert.Raw)+"\n")
	}
	return map[string]any{"certificate": texts[0], "ca_chain": texts, "issuer_id": is.id, "issuer_name": is.name}
}

func (p *PKI) writeIssuer(r *backend.Request) (*backend.Response, error) {
	name := r.Fields.String("issuer_name")
	p.mu.Lock()
	is, err := p.issuers.find(r.Params["issuer"])
	if err == nil {
		err = p.issuers.checkName(name, is)
	}
	if err != nil {
		p.mu.Unlock()
		return nil, err
	}
	// As in Vault, absent fields are reset to their defaults.
	changed := *is
	changed.name, changed.notAfter = name, "err"
	if behavior := r.Fields.String("leaf_not_after_behavior"); behavior != "" {
		if !slices.Contains([]string{"err", "truncate", "permit"}, behavior) {
			p.mu.Unlock()
			return nil, backend.BadRequest("Unknown value for field `leaf_not_after_behavior`. Possible values are `err`, `truncate`, and `permit`.")
		}
		changed.notAfter = behavior
	}
	p.issuers.byID[is.id] = &changed
	p.mu.Unlock()
	return p.readIssuer(r)
}

func (p *PKI) readIssuerPEM(r *backend.Request) (*backend.Response, error) {
	is, _, err := p.found(r)
	if err != nil {
		return nil, err
	}
	return rawPEM("application/pem-certificate-chain", []*x509.Certificate{is.cert}), nil
}

func (p *PKI) readIssuerDER(r *backend.Request) (*backend.Response, error) {
	is, _, err := p.found(r)
	if err != nil {
		return nil, err
	}
	return &backend.Response{Raw: is.cert.Raw, ContentType: "application/pkix-cert"}, nil
}

// rawPEM returns an answer of certificates without an envelope.
func rawPEM(contentType string, certs []*x509.Certificate) *backend.Response {
	var texts []string
	for _, cert := range certs {
		texts = append(texts, encodePEM("CERTIFICATE", cert.Raw))
	}
	return &backend.Response{Raw: []byte(strings.Join(texts, "\n")), ContentType: contentType}
}
