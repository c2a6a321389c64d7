// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// asSeconds takes a duration such as "5m" or "1d", or a number of seconds, in
// quotes or not.
func asSeconds(v value) (time.Duration, error) {
	switch v.kind {
	case integer:
		return seconds(v, float64(v.integer), time.Second)
	case float:
		return seconds(v, math.Trunc(v.float), time.Second)
	case text:
		if v.text == "" {
			return 0, nil
		}
		if i, err := strconv.ParseInt(v.text, 10, 64); err == nil {
			return seconds(v, float64(i), time.Second)
		}
		if days, ok := strings.CutSuffix(v.text, "d"); ok {
			if i, err := strconv.ParseInt(days, 10, 64); err == nil {
				return seconds(v, float64(i), 24*time.Hour)
			}
		}
		if d, err := time.ParseDuration(v.text); err == nil {
			return d, nil
		}
	}
	return 0, &mismatch{"must be a duration, not " + v.show(), `write for example "30s", "5m" or "1d"`}
}

func seconds(v value, n float64, unit time.Duration) (time.Duration, error) {
	if math.Abs(n) > float64(math.MaxInt64/unit) {
		return 0, &mismatch{"the duration " + v.show() + " is too long", ""}
	}
	return time.Duration(n) * unit, nil
}

// asDuration takes a duration such as "5m" only, not a negative one.
func asDuration(v value) (time.Duration, error) {
	if v.kind == text {
		if d, err := time.ParseDuration(v.text); err == nil && d >= 0 {
			return d, nil
		}
	}
	return 0, &mismatch{"must be a duration with a unit, not " + v.show(), `write for example "30s" or "5m"`}
}

// asNanoseconds takes a duration such as "5m", or a number of nanoseconds.
func asNanoseconds(v value) (time.Duration, error) {
	switch v.kind {
	case integer:
		return time.Duration(v.integer), nil
	case text:
		if d, err := time.ParseDuration(v.text); err == nil {
			return d, nil
		}
	}
	return asDuration(v)
}
