// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
)

// The conversions below are as strict as Vault Agent is for the keys that use
// them, no more and no less. Vault Agent decodes its blocks in three different
// ways.

// valueError is the error of a value that the key does not accept.
type valueError struct {
	message, hint string
}

func (m *valueError) Error() string { return m.message }

// hintOf returns the hint of an error, or "" if it has none.
func hintOf(err error) string {
	var m *valueError
	if errors.As(err, &m) {
		return m.hint
	}
	return ""
}

func wrongType(want string, v hclread.Value) error {
	m := &valueError{message: fmt.Sprintf("must be %s, not %s", want, v.Describe())}
	switch {
	case want == "a bool" && v.Kind == hclread.String && (v.Text == "true" || v.Text == "false"):
		m.hint = "write " + v.Text + " without quotes"
	case strings.HasSuffix(want, "number") && v.IsQuotedNumber():
		m.hint = "write " + v.Text + " without quotes"
	case want == "a string" && v.Kind == hclread.Integer:
		m.hint = `write "` + v.Text + `"`
	}
	return m
}

// asText takes a string, or a whole number, which it returns as written.
func asText(v hclread.Value) (string, error) {
	if v.Kind != hclread.String && v.Kind != hclread.Integer {
		return "", wrongType("a string", v)
	}
	return v.Text, nil
}

// asString takes only a string.
func asString(v hclread.Value) (string, error) {
	if v.Kind != hclread.String {
		return "", wrongType("a string", v)
	}
	return v.Text, nil
}

// asBool takes only true and false.
func asBool(v hclread.Value) (bool, error) {
	if v.Kind != hclread.Bool {
		return false, wrongType("a bool", v)
	}
	return v.Bool, nil
}

// asRawBool takes a bool, a number, or a string such as "true", "f" or "1".
func asRawBool(v hclread.Value) (bool, error) {
	switch v.Kind {
	case hclread.Bool:
		return v.Bool, nil
	case hclread.Integer:
		return v.Int != 0, nil
	case hclread.Float:
		return v.Float != 0, nil
	case hclread.String:
		if b, err := strconv.ParseBool(v.Text); err == nil || v.Text == "" {
			return b, nil
		}
	}
	return false, wrongType("a bool", v)
}

// asInteger takes only a whole number.
func asInteger(v hclread.Value) (int, error) {
	if v.Kind != hclread.Integer {
		return 0, wrongType("a whole number", v)
	}
	return int(v.Int), nil
}

// asNumeric takes a whole number, or a string that contains one in decimal,
// octal or hexadecimal.
func asNumeric(v hclread.Value) (int, error) {
	if v.Kind == hclread.String {
		if i, err := strconv.ParseInt(v.Text, 0, 0); err == nil {
			return int(i), nil
		}
	}
	return asInteger(v)
}

// asDecimal takes a whole number, or a string that contains one in decimal.
func asDecimal(v hclread.Value) (int, error) {
	if v.Kind == hclread.String {
		if i, err := strconv.ParseInt(v.Text, 10, 32); err == nil || v.Text == "" {
			return int(i), nil
		}
	}
	return asInteger(v)
}

// asFloat takes any number.
func asFloat(v hclread.Value) (float64, error) {
	switch v.Kind {
	case hclread.Integer:
		return float64(v.Int), nil
	case hclread.Float:
		return v.Float, nil
	}
	return 0, wrongType("a number", v)
}

// asAny takes any value.
func asAny(v hclread.Value) (hclread.Value, error) { return v, nil }

// asStringList takes a list of strings.
func asStringList(v hclread.Value) ([]string, error) {
	return listOf(v, asString)
}

// asStringOrNumberList takes a list of strings and whole numbers.
func asStringOrNumberList(v hclread.Value) ([]string, error) {
	return listOf(v, asText)
}

func listOf(v hclread.Value, convert func(hclread.Value) (string, error)) ([]string, error) {
	if v.Kind != hclread.List {
		return nil, &valueError{"must be a list of strings, not " + v.Describe(), `write ["a", "b"]`}
	}
	result := make([]string, 0, len(v.List))
	for _, element := range v.List {
		s, err := convert(element)
		if err != nil {
			return nil, &valueError{"must be a list of strings, but contains " + element.Describe(), ""}
		}
		result = append(result, s)
	}
	return result, nil
}

// asListOrCommas takes a list of strings, or one string that it splits at its
// commas.
func asListOrCommas(v hclread.Value) ([]string, error) {
	if v.Kind != hclread.String {
		return asStringList(v)
	}
	if v.Text == "" {
		return []string{}, nil
	}
	return strings.Split(v.Text, ","), nil
}

// asListOrCommasTrimmed takes a list of strings, or one string that it splits
// at its commas, with the spaces around them removed.
func asListOrCommasTrimmed(v hclread.Value) ([]string, error) {
	all, err := asListOrCommas(v)
	for i := range all {
		if v.Kind == hclread.String {
			all[i] = strings.TrimSpace(all[i])
		}
	}
	return all, err
}

// elementOf returns the value of the element i of what asListOrCommasTrimmed
// returned for v.
func elementOf(v hclread.Value, i int) hclread.Value {
	if v.Kind == hclread.List {
		return v.List[i]
	}
	v.Text = strings.TrimSpace(strings.Split(v.Text, ",")[i])
	return v
}

// asSeconds takes a duration such as "5m" or "1d", or a number of seconds,
// quoted or not.
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
	return 0, &valueError{"must be a duration, not " + v.Describe(), `write for example "30s", "5m" or "1d"`}
}

func seconds(v hclread.Value, n float64, unit time.Duration) (time.Duration, error) {
	if math.Abs(n) > float64(math.MaxInt64/unit) {
		return 0, &valueError{"the duration " + v.Describe() + " is too long", ""}
	}
	return time.Duration(n) * unit, nil
}

// asDuration takes only a duration such as "5m", which must not be negative.
func asDuration(v hclread.Value) (time.Duration, error) {
	if v.Kind == hclread.String {
		if d, err := time.ParseDuration(v.Text); err == nil && d >= 0 {
			return d, nil
		}
	}
	return 0, &valueError{"must be a duration with a unit, not " + v.Describe(), `write for example "30s" or "5m"`}
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
