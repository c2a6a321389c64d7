// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/certagent/certagent/certinfo"
)

// Hint returns what to do about the failure; "" if waiting is all.
func (e *Error) Hint() string {
	switch e.Class {
	case Denied:
		path := e.Request.Path
		if e.target != "" {
			path = e.target
		}
		return fmt.Sprintf("the token's policies must allow %q on %q, or there is no such mount", e.Request.Kind.Capability(), path)
	case NotFound:
		return "check the path, its mount, and that the secret has not been deleted"
	case Refused:
		return e.refusalHint()
	case WrongClock:
		return certinfo.SkewHint(e.skew)
	case Malformed:
		return "check the address: a proxy or another server may be answering there"
	}
	if e.untrusted != "" {
		return e.untrusted
	}
	return e.reasonHint() // Vault answers some lasting failures of a PKI with 500
}

func (e *Error) refusalHint() string {
	if e.plain {
		return "the server speaks TLS at this address: should it begin with https:// ?"
	}
	if hint := e.reasonHint(); hint != "" {
		return hint
	}
	return "check the path, the parameters, and the role that they name"
}

// reason is what Vault says about a request for a certificate, and what to do about it.
// In the hint, MOUNT and ROLE stand for those of the path, and $1 for what the
// expression has found.
type reason struct {
	says *regexp.Regexp
	hint string
}

// reasons are the frequent ones, by how special they are.
var reasons = []reason{
	{regexp.MustCompile(`IP Subject Alternative Names are not allowed`), "set allow_ip_sans on the role: vault read MOUNT/roles/ROLE"},
	{regexp.MustCompile(`URI Subject Alternative Names`), "the role's allowed_uri_sans do not cover it: vault read MOUNT/roles/ROLE"},
	{regexp.MustCompile(`other SAN OID \S+ not allowed`), "the role's allowed_other_sans do not cover it: vault read MOUNT/roles/ROLE"},
	{regexp.MustCompile(`(?:common name|subject alternate name|email address) (\S+) not allowed by this role`),
		"the role's allowed_domains, allow_subdomains or allow_bare_domains do not cover $1: vault read MOUNT/roles/ROLE"},
	{regexp.MustCompile(`unknown role`), `there is no role "ROLE" at this mount: vault list MOUNT/roles`},
	{regexp.MustCompile(`beyond the expiration of the CA`), "the CA ends before that: ask for a shorter ttl, or renew the CA"},
	{regexp.MustCompile(`was one set\?|no default issuer`), "the mount has no CA yet: generate or import one at MOUNT"},
	{regexp.MustCompile(`role requires keys of type (\S+)`), `write key = { type = "$1" } in the certificate block, or set key_type on the role: vault read MOUNT/roles/ROLE`},
	{regexp.MustCompile(`minimum of a? ?(\d+)-bit key`), "write key with bits = $1 in the certificate block, or change key_bits of the role: vault read MOUNT/roles/ROLE"},
}

// reasonHint returns what to do about a reason of Vault's PKI; "" for any other.
func (e *Error) reasonHint() string {
	mount, role, ok := roleOf(e.Request.Path)
	if !ok || e.cause == nil {
		return ""
	}
	text := e.cause.Error()
	for _, r := range reasons {
		if found := r.says.FindStringSubmatch(text); found != nil {
			hint := strings.NewReplacer("MOUNT", mount, "ROLE", role).Replace(r.hint)
			if len(found) > 1 {
				hint = strings.Replace(hint, "$1", found[1], 1)
			}
			return hint
		}
	}
	return ""
}

// roleOf returns the mount and the role of a path that issues a certificate.
func roleOf(path string) (mount, role string, ok bool) {
	for _, verb := range []string{"/issue/", "/sign/"} {
		if mount, role, ok := strings.Cut(path, verb); ok && mount != "" && role != "" {
			return mount, role, true
		}
	}
	return "", "", false
}
