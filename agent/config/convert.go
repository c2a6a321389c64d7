// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/certagent/certagent/agent/config/hclread"
)

// The conversions below are as strict as Vault Agent is for the keys that use
// them, no more and no less: it decodes its blocks in three different ways.

// mismatch is a value that is not what the key takes.
type mismatch struct {
	message, hint string
}

func (m *mismatch) Error() string { return m.message }

// hintOf returns the hint that comes with an error; empty if there is none.
func hintOf(err error) string {
	var m *mismatch
	if errors.As(err, &m) {
		return m.hint
	}
	return ""
}

func wrongType(want string, v hclread.Value) error {
	m := &mismatch{message: fmt.Sprintf("must be %s, not %s", want, v.Describe())}
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

// asText takes a string, or a whole number as it was written.
func asText(v hclread.Value) (string, error) {
	if v.Kind != hclread.String && v.Kind != hclread.Integer {
		return "", wrongType("a string", v)
	}
	return v.Text, nil
}

// asString takes a string only.
func asString(v hclread.Value) (string, error) {
	if v.Kind != hclread.String {
		return "", wrongType("a string", v)
	}
	return v.Text, nil
}

// asBool takes true and false only.
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

// asInteger takes a whole number only.
func asInteger(v hclread.Value) (int, error) {
	if v.Kind != hclread.Integer {
		return 0, wrongType("a whole number", v)
	}
	return int(v.Int), nil
}

// asNumeric takes a whole number, or a string of one, octal and hexadecimal
// included.
func asNumeric(v hclread.Value) (int, error) {
	if v.Kind == hclread.String {
		if i, err := strconv.ParseInt(v.Text, 0, 0); err == nil {
			return int(i), nil
		}
	}
	return asInteger(v)
}

// asDecimal takes a whole number, or a string of a decimal one.
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

// asAny takes everything.
func asAny(v hclread.Value) (hclread.Value, error) { return v, nil }
