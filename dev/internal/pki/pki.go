// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package pki is the PKI secrets engine: issuers, roles, certificates and CRLs. It
// generates keys and signs certificates without holding a lock, so that requests
// do not wait for each other.
package pki

import (
	"sync"

	"github.com/certagent/certagent/dev/internal/backend"
)

// PKI is a mount of the engine.
type PKI struct {
	mu      sync.RWMutex
	roles   map[string]*role // replaced, never modified
	issuers issuers
	urls    urls // replaced, never modified
	crl     crlConfig

	issued store
}

// urls are the URLs of the issuer, CRL and OCSP in certificates.
type urls struct {
	Issuing   []string `json:"issuing_certificates"`
	CRL       []string `json:"crl_distribution_points"`
	DeltaCRL  []string `json:"delta_crl_distribution_points"`
	OCSP      []string `json:"ocsp_servers"`
	Templated bool     `json:"enable_templating"`
}

// New returns a mount without issuers or roles.
func New() *PKI {
	return &PKI{
		roles: make(map[string]*role), issuers: newIssuers(), issued: newStore(), crl: crlConfig{Expiry: "72h"},
		urls: urls{Issuing: []string{}, CRL: []string{}, DeltaCRL: []string{}, OCSP: []string{}},
	}
}

// Routes returns the routes of the mount.
func (p *PKI) Routes() backend.Table {
	return backend.Table{
		{Pattern: "issue/{role}", Update: p.issue},
		{Pattern: "sign/{role}", Update: p.sign},
		{Pattern: "sign-verbatim", Update: p.signVerbatim},
		{Pattern: "sign-verbatim/{role}", Update: p.signVerbatim},
		{Pattern: "issuer/{issuer}/issue/{role}", Update: p.issue},
		{Pattern: "issuer/{issuer}/sign/{role}", Update: p.sign},
		{Pattern: "issuer/{issuer}/sign-verbatim", Update: p.signVerbatim},
		{Pattern: "issuer/{issuer}/sign-verbatim/{role}", Update: p.signVerbatim},
		{Pattern: "issuer/{issuer}/sign-intermediate", Update: p.signIntermediate},

		{Pattern: "roles", List: p.listRoles},
		{Pattern: "roles/{role}", Read: p.readRole, Update: p.writeRole, Delete: p.deleteRole},

		{Pattern: "root", Delete: p.deleteRoot},
		{Pattern: "root/generate/{exported}", Update: p.generateRoot},
		{Pattern: "root/rotate/{exported}", Update: p.rotateRoot},
		{Pattern: "issuers/generate/root/{exported}", Update: p.generateRoot},
		{Pattern: "root/sign-intermediate", Update: p.signIntermediate},
		{Pattern: "root/replace", Update: p.replaceRoot},
		{Pattern: "intermediate/generate/{exported}", Update: p.generateIntermediate},
		{Pattern: "issuers/generate/intermediate/{exported}", Update: p.generateIntermediate},
		{Pattern: "intermediate/set-signed", Update: p.setSigned},
		{Pattern: "issuers/import/{kind}", Update: p.setSigned},
		{Pattern: "config/ca", Update: p.setSigned},

		{Pattern: "issuers", Public: true, List: p.listIssuers},
		{Pattern: "issuer/{issuer}", Read: p.readIssuer, Update: p.writeIssuer, Delete: p.deleteIssuer},
		{Pattern: "issuer/{issuer}/json", Public: true, Read: p.readIssuerJSON},
		{Pattern: "issuer/{issuer}/pem", Public: true, Read: p.readIssuerPEM},
		{Pattern: "issuer/{issuer}/der", Public: true, Read: p.readIssuerDER},
		{Pattern: "keys", List: p.listKeys},
		{Pattern: "config/issuers", Read: p.readDefault, Update: p.writeDefault},
		{Pattern: "config/urls", Read: p.readURLs, Update: p.writeURLs},
		{Pattern: "config/crl", Read: p.readCRLConfig, Update: p.writeCRLConfig},

		{Pattern: "ca", Public: true, Read: p.readCA},
		{Pattern: "ca/pem", Public: true, Read: p.readCA},
		{Pattern: "ca_chain", Public: true, Read: p.readCAChain},
		{Pattern: "crl", Public: true, Read: p.readCRL},
		{Pattern: "crl/pem", Public: true, Read: p.readCRL},
		{Pattern: "crl/rotate", Read: p.rotateCRL, Update: p.rotateCRL},
		{Pattern: "cert/{serial}", Public: true, Read: p.readCert},
		{Pattern: "cert/{serial}/raw", Public: true, Read: p.readCertRaw},
		{Pattern: "cert/{serial}/raw/pem", Public: true, Read: p.readCertRaw},
		{Pattern: "certs", List: p.listCerts},
		{Pattern: "certs/revoked", List: p.listRevoked},
		{Pattern: "revoke", Update: p.revoke},
		{Pattern: "tidy", Update: p.tidy},
	}
}

func (p *PKI) readURLs(*backend.Request) (*backend.Response, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return backend.Data(p.urls)
}

func (p *PKI) writeURLs(r *backend.Request) (*backend.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u := p.urls
	if err := r.Fields.Decode(&u); err != nil {
		return nil, err
	}
	p.urls = u
	return backend.Data(u)
}

// tidy does nothing: the store removes expired certificates itself.
func (p *PKI) tidy(*backend.Request) (*backend.Response, error) {
	return &backend.Response{Status: 202, Warnings: []string{
		"Tidy operation successfully started. Any information from the operation will be printed to Vault's server logs.",
	}}, nil
}
