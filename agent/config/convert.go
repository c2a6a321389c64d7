// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
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

func wrongType(want string, v value) error {
	m := &mismatch{message: fmt.Sprintf("must be %s, not %s", want, v.show())}
	switch {
	case want == "a bool" && v.kind == text && (v.text == "true" || v.text == "false"):
		m.hint = "write " + v.text + " without quotes"
	case strings.HasSuffix(want, "number") && v.kind == text && v.isNumber():
		m.hint = "write " + v.text + " without quotes"
	case want == "a string" && v.kind == integer:
		m.hint = `write "` + v.text + `"`
	}
	return m
}

func (v value) isNumber() bool {
	_, err := number(v.text)
	return err == nil && !v.computed
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

// asAny takes everything.
func asAny(v value) (value, error) { return v, nil }
