// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
)

// asSeconds takes a duration such as "5m" or "1d", or a number of seconds, in
// quotes or not.
func asSeconds(v hclread.Value) (time.Duration, error) {
	switch v.Kind {
	case hclread.Integer:
		return seconds(v, float64(v.Int), time.Second)
	case hclread.Float:
		return seconds(v, math.Trunc(v.Float), time.Second)
	case hclread.String:
		if v.Text == "" {
			return 0, nil
		}
		if i, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
			return seconds(v, float64(i), time.Second)
		}
		if days, ok := strings.CutSuffix(v.Text, "d"); ok {
			if i, err := strconv.ParseInt(days, 10, 64); err == nil {
				return seconds(v, float64(i), 24*time.Hour)
			}
		}
		if d, err := time.ParseDuration(v.Text); err == nil {
			return d, nil
		}
	}
	return 0, &mismatch{"must be a duration, not " + v.Describe(), `write for example "30s", "5m" or "1d"`}
}

func seconds(v hclread.Value, n float64, unit time.Duration) (time.Duration, error) {
	if math.Abs(n) > float64(math.MaxInt64/unit) {
		return 0, &mismatch{"the duration " + v.Describe() + " is too long", ""}
	}
	return time.Duration(n) * unit, nil
}

// asDuration takes a duration such as "5m" only, not a negative one.
func asDuration(v hclread.Value) (time.Duration, error) {
	if v.Kind == hclread.String {
		if d, err := time.ParseDuration(v.Text); err == nil && d >= 0 {
			return d, nil
		}
	}
	return 0, &mismatch{"must be a duration with a unit, not " + v.Describe(), `write for example "30s" or "5m"`}
}

// asNanoseconds takes a duration such as "5m", or a number of nanoseconds.
func asNanoseconds(v hclread.Value) (time.Duration, error) {
	switch v.Kind {
	case hclread.Integer:
		return time.Duration(v.Int), nil
	case hclread.String:
		if d, err := time.ParseDuration(v.Text); err == nil {
			return d, nil
		}
	}
	return asDuration(v)
}
