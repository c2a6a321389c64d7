// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The conversions below are as strict as Vault Agent is for the keys that use
// them, no more and no less: it decodes its blocks in three different ways.

// mismatch is a value that is not what the key takes.
type mismatch struct {
	message, hint string
}

func (m *mismatch) Error() string { return m.message }

func wrongType(want string, v value) error {
	m := &mismatch{message: fmt.Sprintf("must be %s, not %s", want, v.show())}
	switch {
	case want == "a bool" && v.kind == text && (v.text == "true" || v.text == "false"):
		m.hint = "write " + v.text + " without quotes"
	case want == "a string" && v.kind == integer:
		m.hint = `write "` + v.text + `"`
	}
	return m
}

// show describes a value for a message: a literal as it was written, and only
// the kind of one that an expression returned, which may be a secret.
func (v value) show() string {
	shown := v.kind.String()
	switch {
	case v.computed:
	case v.kind == boolean:
		shown = strconv.FormatBool(v.truth)
	case v.kind == integer || v.kind == float:
		shown = v.text
	case v.kind == text && len(v.text) <= 40:
		shown = strconv.Quote(v.text)
	}
	return shown
}

// asText takes a string, or a whole number as it was written.
func asText(v value) (string, error) {
	if v.kind != text && v.kind != integer {
		return "", wrongType("a string", v)
	}
	return v.text, nil
}

// asString takes a string only.
func asString(v value) (string, error) {
	if v.kind != text {
		return "", wrongType("a string", v)
	}
	return v.text, nil
}

// asBool takes true and false only.
func asBool(v value) (bool, error) {
	if v.kind != boolean {
		return false, wrongType("a bool", v)
	}
	return v.truth, nil
}

// asRawBool takes a bool, a number, or a string such as "true", "f" or "1".
func asRawBool(v value) (bool, error) {
	switch v.kind {
	case boolean:
		return v.truth, nil
	case integer:
		return v.integer != 0, nil
	case float:
		return v.float != 0, nil
	case text:
		if b, err := strconv.ParseBool(v.text); err == nil || v.text == "" {
			return b, nil
		}
	}
	return false, wrongType("a bool", v)
}

// asInteger takes a whole number only.
func asInteger(v value) (int, error) {
	if v.kind != integer {
		return 0, wrongType("a whole number", v)
	}
	return int(v.integer), nil
}

// asNumeric takes a whole number, or a string of one, octal and hexadecimal
// included.
func asNumeric(v value) (int, error) {
	if v.kind == text {
		if i, err := strconv.ParseInt(v.text, 0, 0); err == nil {
			return int(i), nil
		}
	}
	return asInteger(v)
}

// asDecimal takes a whole number, or a string of a decimal one.
func asDecimal(v value) (int, error) {
	if v.kind == text {
		if i, err := strconv.ParseInt(v.text, 10, 32); err == nil || v.text == "" {
			return int(i), nil
		}
	}
	return asInteger(v)
}

// asFloat takes any number.
func asFloat(v value) (float64, error) {
	switch v.kind {
	case integer:
		return float64(v.integer), nil
	case float:
		return v.float, nil
	}
	return 0, wrongType("a number", v)
}

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

// asList takes a list of strings.
func asList(v value) ([]string, error) {
	return listOf(v, asString)
}

// asLooseList takes a list of strings and numbers.
func asLooseList(v value) ([]string, error) {
	return listOf(v, asText)
}

func listOf(v value, convert func(value) (string, error)) ([]string, error) {
	if v.kind != list {
		return nil, &mismatch{"must be a list of strings, not " + v.show(), `write ["a", "b"]`}
	}
	result := make([]string, 0, len(v.list))
	for _, element := range v.list {
		s, err := convert(element)
		if err != nil {
			return nil, &mismatch{"must be a list of strings, but contains " + element.show(), ""}
		}
		result = append(result, s)
	}
	return result, nil
}

// asCommaList takes a list of strings, or one string that is split at its commas.
func asCommaList(v value) ([]string, error) {
	if v.kind != text {
		return asList(v)
	}
	if v.text == "" {
		return []string{}, nil
	}
	return strings.Split(v.text, ","), nil
}

// asAny takes everything.
func asAny(v value) (value, error) { return v, nil }
