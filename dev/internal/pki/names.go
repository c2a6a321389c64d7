// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"crypto/x509"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/certagent/certagent/dev/internal/backend"
	"golang.org/x/net/idna"
)

// hostname matches host names, with or without a wildcard in the first label.
var hostname = regexp.MustCompile(`^(\*\.)?(([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9\-]*[a-zA-Z0-9])\.)*([A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9\-]*[A-Za-z0-9])\.?$`)

// names are the subject names of a certificate.
type names struct {
	common string
	dns    []string
	email  []string
	ips    []net.IP
	uris   []*url.URL
}

// addName adds a DNS name or an e-mail address. It ignores anything else, as Vault
// does.
func (n *names) addName(name string) {
	if strings.Contains(name, "@") {
		n.email = append(n.email, name)
		return
	}
	if ascii, err := idna.ToASCII(name); err == nil && hostname.MatchString(ascii) {
		n.dns = append(n.dns, ascii)
	}
}

func (n *names) addIPs(list []string) error {
	for _, text := range list {
		ip := net.ParseIP(text)
		if ip == nil {
			return backend.BadRequest("the value %q is not a valid IP address", text)
		}
		n.ips = append(n.ips, ip)
	}
	return nil
}

func (n *names) addURIs(list []string) error {
	for _, text := range list {
		u, err := url.Parse(text)
		if u == nil || err != nil {
			return backend.BadRequest("the provided URI Subject Alternative Name %q is not a valid URI", text)
		}
		n.uris = append(n.uris, u)
	}
	return nil
}

// normalize sorts the names and removes duplicates.
func (n *names) normalize() {
	for _, list := range []*[]string{&n.dns, &n.email} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
}

// check returns an error if the role does not allow a name.
func (ro *role) check(n *names, given string) error {
	if n.common != "" && !ro.allowsName(n.common) {
		return backend.BadRequest("common name %s not allowed by this role", n.common)
	}
	for _, name := range n.dns {
		if !ro.allowsName(name) {
			return backend.BadRequest("subject alternate name %s not allowed by this role", name)
		}
	}
	for _, name := range n.email {
		if !ro.allowsName(name) {
			return backend.BadRequest("email address %s not allowed by this role", name)
		}
	}
	if len(n.ips) > 0 && !ro.AllowIPSANs {
		return backend.BadRequest("IP Subject Alternative Names are not allowed in this role, but was provided %s", n.ips)
	}
	if len(n.uris) > 0 && len(ro.AllowedURISANs) == 0 {
		return backend.BadRequest("URI Subject Alternative Names are not allowed in this role, but were provided %s", given)
	}
	for _, u := range n.uris {
		if !slices.ContainsFunc(ro.AllowedURISANs, func(glob string) bool { return backend.Glob(glob, u.String()) }) {
			return backend.BadRequest("URI Subject Alternative Names were provided %s which are not valid for this role", given)
		}
	}
	return nil
}

// allowsName reports whether the role allows a DNS name or an e-mail address.
func (ro *role) allowsName(name string) bool {
	domain := name
	_, emailDomain, isEmail := strings.Cut(name, "@")
	if isEmail {
		domain = emailDomain
	}
	bare, isWildcard := strings.CutPrefix(domain, "*.")
	if isWildcard && !ro.AllowWildcards {
		return false
	}
	if ascii, err := idna.ToASCII(domain); ro.EnforceHostnames && (err != nil || !hostname.MatchString(ascii)) {
		return false
	}
	if ro.AllowAnyName {
		return true
	}
	if ro.AllowLocalhost && ro.allowsLocalhost(bare) {
		return true
	}
	return slices.ContainsFunc(ro.AllowedDomains, func(allowed string) bool {
		return ro.AllowBareDomains && !isWildcard && strings.EqualFold(domain, allowed) ||
			ro.AllowSubdomains && (strings.HasSuffix(bare, "."+allowed) || isWildcard && bare == allowed) ||
			ro.AllowGlobDomains && strings.Contains(allowed, "*") && backend.Glob(allowed, name)
	})
}

func (ro *role) allowsLocalhost(name string) bool {
	if name == "localhost" || name == "localdomain" {
		return true
	}
	return ro.AllowSubdomains && (strings.HasSuffix(name, ".localhost") || strings.HasSuffix(name, ".localdomain"))
}

// fromCSR returns the names in a CSR.
func (n *names) fromCSR(csr *x509.CertificateRequest) {
	n.dns = append(n.dns, csr.DNSNames...)
	n.email = append(n.email, csr.EmailAddresses...)
	n.ips = append(n.ips, csr.IPAddresses...)
	n.uris = append(n.uris, csr.URIs...)
}
