// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
	"github.com/certagent/certagent/certspec"
	"github.com/certagent/certagent/timewindow"
)

func readRenew(s *scope) certspec.Renew {
	var r certspec.Renew
	getPositive(s, "renew_before", asSeconds, &r.Before)
	get(s, "renew_at", asFraction, &r.At)
	for _, p := range r.Validate() {
		s.reportProblem(p.Key, p)
	}
	return r
}

// asFraction takes a number between 0 and 1, both excluded.
func asFraction(v hclread.Value) (float64, error) {
	part, err := asFloat(v)
	if err == nil && part != 0 && (certspec.Renew{At: part}).Validate() == nil {
		return part, nil
	}
	return 0, &valueError{"must be a fraction of the lifetime, between 0 and 1, not " + v.Describe(), "write for example 0.66"}
}

// checkShorterThan checks that renew_before is shorter than the lifetime:
// otherwise the certificate would be renewed continuously.
func checkShorterThan(s *scope, r certspec.Renew, ttl time.Duration) {
	switch {
	case ttl == 0 || r.Before < ttl:
	case s.has("renew_before"):
		s.problem(ValidateError, "renew_before", "is not shorter than ttl", "shorten it: the certificate would be renewed continuously")
	default:
		s.problem(ValidateError, "ttl", "is not longer than the bundle's renew_before", "shorten renew_before: the certificate would be renewed continuously")
	}
}

// asWindow takes a time window, which may span midnight, optionally followed by
// a time zone: a name, or an offset such as +02:00.
func asWindow(v hclread.Value) (timewindow.Window, error) {
	text, err := asString(v)
	if err != nil {
		return timewindow.Window{}, err
	}
	window, err := timewindow.Parse(strings.TrimSpace(text), time.LoadLocation)
	switch {
	case errors.Is(err, timewindow.ErrEmpty):
		err = &valueError{"starts and ends at the same time", "remove it to renew at any time"}
	case errors.Is(err, timewindow.ErrZone):
		err = &valueError{"unknown time zone in " + v.Describe(), `write a name such as "UTC" or "Europe/Berlin", or "+02:00"`}
	case err != nil:
		err = &valueError{"must be a time window, not " + v.Describe(), `write for example "02:00-05:00" or "22:00-04:00 Europe/Berlin"`}
	}
	return window, err
}
