// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"fmt"
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

// reasonHint returns what to do about a reason of Vault's PKI; "" for any other.
func (e *Error) reasonHint() string {
	mount, role, ok := roleOf(e.Request.Path)
	if !ok || e.cause == nil {
		return ""
	}
	return certinfo.ReasonHint(mount, role, e.cause.Error())
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
