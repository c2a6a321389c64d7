// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"regexp"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
)

// Renew is when a certificate is renewed: the zero value means at two thirds of
// its lifetime. At most one field is not zero.
type Renew struct {
	Before time.Duration // this long before it expires
	At     float64       // at this fraction of its lifetime, between 0 and 1
}

func readRenew(s *scope) Renew {
	var r Renew
	getPositive(s, "renew_before", asSeconds, &r.Before)
	get(s, "renew_at", asFraction, &r.At)
	if s.has("renew_before") && s.has("renew_at") {
		s.problem(ValidateError, "renew_at", "cannot be combined with renew_before", "keep one of them")
	}
	return r
}

// asFraction takes a number between 0 and 1, both excluded.
func asFraction(v hclread.Value) (float64, error) {
	if part, err := asFloat(v); err == nil && part > 0 && part < 1 {
		return part, nil
	}
	return 0, &valueError{"must be a fraction of the lifetime, between 0 and 1, not " + v.Describe(), "write for example 0.66"}
}

// or returns r, or the setting of the bundle if r is not set.
func (r Renew) or(bundles Renew) Renew {
	if r == (Renew{}) {
		return bundles
	}
	return r
}

// checkShorterThan checks that renew_before is shorter than the lifetime:
// otherwise the certificate would be renewed continuously.
func (r Renew) checkShorterThan(s *scope, ttl time.Duration) {
	switch {
	case ttl == 0 || r.Before < ttl:
	case s.has("renew_before"):
		s.problem(ValidateError, "renew_before", "is not shorter than ttl", "shorten it: the certificate would be renewed continuously")
	default:
		s.problem(ValidateError, "ttl", "is not longer than the bundle's renew_before", "shorten renew_before: the certificate would be renewed continuously")
	}
}

var clockTimes = regexp.MustCompile(`^((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d|24:00)$`)

const windowHint = `write for example "02:00-05:00" or "22:00-04:00 Europe/Berlin"`

// asWindow takes a time window, which may span midnight, optionally followed by
// a time zone: a name, or an offset such as +02:00.
func asWindow(v hclread.Value) (string, error) {
	window, err := asString(v)
	if err != nil {
		return "", err
	}
	times, zone, given := strings.Cut(strings.TrimSpace(window), " ")
	m := clockTimes.FindStringSubmatch(times)
	if m == nil {
		return "", &valueError{"must be a time window, not " + v.Describe(), windowHint}
	}
	if m[1] == m[2] {
		return "", &valueError{"starts and ends at the same time", "remove it to renew at any time"}
	}
	zone = strings.TrimSpace(zone)
	if !given {
		return times, nil
	}
	if !isZone(zone) {
		return "", &valueError{"unknown time zone in " + v.Describe(), `write a name such as "UTC" or "Europe/Berlin", or "+02:00"`}
	}
	return times + " " + zone, nil
}

func isZone(name string) bool {
	if _, err := time.Parse("-07:00", name); err == nil {
		return true
	}
	_, err := time.LoadLocation(name)
	return err == nil && name != ""
}
