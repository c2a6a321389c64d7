// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"regexp"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
)

var clockTimes = regexp.MustCompile(`^((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d|24:00)$`)

const windowHint = `write for example "02:00-05:00" or "22:00-04:00 Europe/Berlin"`

// asWindow takes a time of the day, which may go over midnight, and a time zone
// after it: a name, or an offset such as +02:00.
func asWindow(v hclread.Value) (string, error) {
	window, err := asString(v)
	if err != nil {
		return "", err
	}
	times, zone, given := strings.Cut(strings.TrimSpace(window), " ")
	m := clockTimes.FindStringSubmatch(times)
	if m == nil {
		return "", &mismatch{"must be a time of the day, not " + v.Describe(), windowHint}
	}
	if m[1] == m[2] {
		return "", &mismatch{"ends when it begins", "leave it out if any time will do"}
	}
	zone = strings.TrimSpace(zone)
	if !given {
		return times, nil
	}
	if !isZone(zone) {
		return "", &mismatch{"the time zone is not known, in " + v.Describe(), `write a name such as "UTC" or "Europe/Berlin", or "+02:00"`}
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
