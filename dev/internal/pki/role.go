// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"maps"
	"slices"

	"github.com/certagent/certagent/dev/internal/backend"
)

// role contains the rules for certificates. The fields are Vault's, in Vault's
// order. Templates, other SANs and PSS are stored but not used.
type role struct {
	AllowAnyName           bool            `json:"allow_any_name"`
	AllowBareDomains       bool            `json:"allow_bare_domains"`
	AllowGlobDomains       bool            `json:"allow_glob_domains"`
	AllowIPSANs            bool            `json:"allow_ip_sans"`
	AllowLocalhost         bool            `json:"allow_localhost"`
	AllowSubdomains        bool            `json:"allow_subdomains"`
	AllowTokenDisplayName  bool            `json:"allow_token_displayname"`
	AllowWildcards         bool            `json:"allow_wildcard_certificates"`
	AllowedDomains         []string        `json:"allowed_domains"`
	AllowedDomainsTemplate bool            `json:"allowed_domains_template"`
	AllowedOtherSANs       []string        `json:"allowed_other_sans"`
	AllowedSerialNumbers   []string        `json:"allowed_serial_numbers"`
	AllowedURISANs         []string        `json:"allowed_uri_sans"`
	AllowedURISANsTemplate bool            `json:"allowed_uri_sans_template"`
	AllowedUserIDs         []string        `json:"allowed_user_ids"`
	BasicConstraintsLeaf   bool            `json:"basic_constraints_valid_for_non_ca"`
	ClientFlag             bool            `json:"client_flag"`
	CNValidations          []string        `json:"cn_validations"`
	CodeSigningFlag        bool            `json:"code_signing_flag"`
	Country                []string        `json:"country"`
	EmailProtectionFlag    bool            `json:"email_protection_flag"`
	EnforceHostnames       bool            `json:"enforce_hostnames"`
	ExtKeyUsage            []string        `json:"ext_key_usage"`
	ExtKeyUsageOIDs        []string        `json:"ext_key_usage_oids"`
	GenerateLease          bool            `json:"generate_lease"`
	IssuerRef              string          `json:"issuer_ref"`
	KeyBits                int             `json:"key_bits"`
	KeyType                string          `json:"key_type"`
	KeyUsage               []string        `json:"key_usage"`
	Locality               []string        `json:"locality"`
	MaxTTL                 backend.Seconds `json:"max_ttl"`
	NoStore                bool            `json:"no_store"`
	NotAfter               string          `json:"not_after"`
	NotBeforeDuration      backend.Seconds `json:"not_before_duration"`
	Organization           []string        `json:"organization"`
	OU                     []string        `json:"ou"`
	PolicyIdentifiers      []string        `json:"policy_identifiers"`
	PostalCode             []string        `json:"postal_code"`
	Province               []string        `json:"province"`
	RequireCN              bool            `json:"require_cn"`
	SerialNumberSource     string          `json:"serial_number_source"`
	ServerFlag             bool            `json:"server_flag"`
	SignatureBits          int             `json:"signature_bits"`
	StreetAddress          []string        `json:"street_address"`
	TTL                    backend.Seconds `json:"ttl"`
	UseCSRCommonName       bool            `json:"use_csr_common_name"`
	UseCSRSANs             bool            `json:"use_csr_sans"`
	UsePSS                 bool            `json:"use_pss"`
}

// newRole returns a role with Vault's defaults.
func newRole() *role {
	return &role{
		AllowIPSANs: true, AllowLocalhost: true, AllowWildcards: true, ClientFlag: true, ServerFlag: true, EnforceHostnames: true,
		CNValidations: []string{"email", "hostname"}, IssuerRef: "default", KeyType: "rsa",
		KeyUsage: []string{"DigitalSignature", "KeyAgreement", "KeyEncipherment"}, NotBeforeDuration: 30e9, RequireCN: true,
		SerialNumberSource: "json-csr", UseCSRCommonName: true, UseCSRSANs: true,
		AllowedDomains: []string{}, AllowedOtherSANs: []string{}, AllowedSerialNumbers: []string{}, AllowedURISANs: []string{},
		AllowedUserIDs: []string{}, Country: []string{}, ExtKeyUsage: []string{}, ExtKeyUsageOIDs: []string{}, Locality: []string{},
		Organization: []string{}, OU: []string{}, PolicyIdentifiers: []string{}, PostalCode: []string{}, Province: []string{},
		StreetAddress: []string{},
	}
}

func (p *PKI) role(name string) *role {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.roles[name]
}

// writeRole replaces a role. Absent fields are reset to their defaults.
func (p *PKI) writeRole(r *backend.Request) (*backend.Response, error) {
	ro := newRole()
	if err := r.Fields.Decode(ro); err != nil {
		return nil, err
	}
	if ro.MaxTTL > 0 && ro.TTL > ro.MaxTTL {
		return nil, backend.BadRequest(`"ttl" value must be less than "max_ttl" value`)
	}
	var err error
	if ro.KeyBits, err = keyBits(ro.KeyType, ro.KeyBits); err != nil {
		return nil, err
	}
	var warnings []string
	if ro.NoStore && ro.GenerateLease {
		ro.GenerateLease = false // nothing could be revoked
		warnings = append(warnings, "mutually exclusive values no_store=true and generate_lease=true were both specified; no_store=true takes priority")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.issuers.find(ro.IssuerRef); err != nil && ro.IssuerRef == "default" {
		warnings = append(warnings, "Issuing Certificate was set to default, but no default issuing certificate (configurable at /config/issuers) is currently set")
	}
	p.roles[r.Params["role"]] = ro
	return &backend.Response{Data: ro, Warnings: warnings}, nil
}

func (p *PKI) readRole(r *backend.Request) (*backend.Response, error) {
	if ro := p.role(r.Params["role"]); ro != nil {
		return backend.Data(ro)
	}
	return nil, nil
}

func (p *PKI) deleteRole(r *backend.Request) (*backend.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.roles, r.Params["role"])
	return nil, nil
}

func (p *PKI) listRoles(*backend.Request) (*backend.Response, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return backend.Keys(slices.Sorted(maps.Keys(p.roles)))
}
