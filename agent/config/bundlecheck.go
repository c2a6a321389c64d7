// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import "strings"

func (b *Bundle) certificates() (all []*Certificate) {
	for _, m := range b.Members {
		if m.Certificate != nil {
			all = append(all, m.Certificate)
		}
	}
	return all
}

// checkMembers complains about a bundle without members, and about keys that
// concern certificates where there are none.
func (b *Bundle) checkMembers(s *scope) {
	if len(b.Members) == 0 {
		if !s.has("certificate") && !s.has("template") {
			s.problem(ValidateError, "", "is empty", "add a certificate or a template")
		}
		return
	}
	if len(b.certificates()) > 0 || s.has("certificate") {
		return
	}
	for _, name := range []string{"renew_before", "renew_at", "window", "max_issues_per_hour"} {
		if s.has(name) {
			s.problem(ValidateError, name, "has no effect without a certificate", "add a certificate, or remove it")
		}
	}
}

// checkPerms complains about the bundle's permissions if a private key has them.
func (b *Bundle) checkPerms(s *scope, p filePerms) {
	for _, c := range b.certificates() {
		for _, f := range c.Files {
			if f.Kind.HoldsKey() && f.Perms == p.key {
				p.checkKey(s)
				return
			}
		}
	}
}

// checkVerified: what is served is compared with the leaf of a certificate. Of
// several, the server name tells which.
func (b *Bundle) checkVerified(s *scope) {
	var leaves []*Certificate
	for _, c := range b.certificates() {
		if c.has(leafKinds...) || len(c.Files) == 0 { // no files: said already
			leaves = append(leaves, c)
		}
	}
	switch {
	case len(b.certificates()) == 0 && len(b.Members) > 0:
		s.problem(ValidateError, "", "needs a certificate in the bundle", "a template says nothing of what is to be served")
	case len(b.Members) > 0 && len(leaves) == 0:
		s.problem(ValidateError, "", "needs a file that holds the certificate", "add cert, fullchain or combined to files")
	case len(leaves) < 2:
	case b.Verify.ServerName == "":
		s.problem(ValidateError, "server_name", "is missing: the bundle has several certificates", "it says which of them is to be served")
	case !named(leaves, b.Verify.ServerName):
		s.problem(ValidateError, "server_name", "is a name of none of the bundle's certificates", "it says which of them is to be served")
	}
}

// named says whether a host name is one of a certificate among others, or is
// covered by a wildcard.
func named(certificates []*Certificate, host string) bool {
	_, parent, _ := strings.Cut(host, ".")
	for _, c := range certificates {
		for _, name := range append([]string{c.CommonName}, c.AltNames...) {
			if strings.EqualFold(name, host) || strings.EqualFold(name, "*."+parent) {
				return true
			}
		}
	}
	return false
}
