// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
)

// Renew says when a certificate is renewed. The zero value is at two thirds of
// its lifetime. At most one field is not zero.
type Renew struct {
	Before time.Duration // this long before its end
	At     float64       // at this part of its lifetime, between 0 and 1
}

func readRenew(s *scope) Renew {
	var r Renew
	positive(s, "renew_before", asSeconds, &r.Before)
	get(s, "renew_at", asPart, &r.At)
	if s.has("renew_before") && s.has("renew_at") {
		s.problem(ValidateError, "renew_at", "excludes renew_before", "keep one of them")
	}
	return r
}

// asPart takes a number between 0 and 1.
func asPart(v hclread.Value) (float64, error) {
	if part, err := asFloat(v); err == nil && part > 0 && part < 1 {
		return part, nil
	}
	return 0, &mismatch{"must be a part of the lifetime, between 0 and 1, not " + v.Describe(), "write for example 0.66"}
}

// or returns what a bundle says of its certificates, unless one says it itself.
func (r Renew) or(bundles Renew) Renew {
	if r == (Renew{}) {
		return bundles
	}
	return r
}

// checkBefore: a certificate that is to be renewed before it was issued would be
// renewed for ever.
func (r Renew) checkBefore(s *scope, ttl time.Duration) {
	switch {
	case ttl == 0 || r.Before < ttl:
	case s.has("renew_before"):
		s.problem(ValidateError, "renew_before", "is not shorter than ttl", "the certificate would be renewed all the time")
	default:
		s.problem(ValidateError, "ttl", "is not longer than the bundle's renew_before", "the certificate would be renewed all the time")
	}
}
