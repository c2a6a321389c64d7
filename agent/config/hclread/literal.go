// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package hclread

import (
	"errors"
	"strconv"
	"strings"

	hcl1strconv "github.com/hashicorp/hcl/hcl/strconv"
	"github.com/hashicorp/hcl/hcl/token"
)

// Literals have the meaning of HCL's first version, whichever parser reads the
// file, because Vault Agent's files are written in it: 0640 is octal, and
// "${x}" and "%{x}" are literal text.

// quotedText returns the text of a quoted string, which includes its quotes.
func quotedText(raw string) (string, error) {
	s, err := hcl1strconv.Unquote(raw)
	if err != nil {
		return "", errors.New("invalid string")
	}
	return s, nil
}

// heredocText returns the text of a heredoc, which reaches from "<<" to the
// line end after its closing marker.
func heredocText(raw string) string {
	return token.Token{Type: token.HEREDOC, Text: raw}.Value().(string)
}

// number returns the value of a number in the source.
func number(raw string) (Value, error) {
	hex := strings.Contains(raw, "0x") || strings.Contains(raw, "0X")
	if !hex && strings.ContainsAny(raw, ".eE") {
		f, err := strconv.ParseFloat(raw, 64)
		if err != nil {
			return Value{}, errors.New("the number is out of range")
		}
		return Value{Kind: Float, Text: raw, Float: f}, nil
	}
	i, err := strconv.ParseInt(raw, 0, 64)
	if errors.Is(err, strconv.ErrRange) {
		return Value{}, errors.New("the number is out of range")
	}
	if err != nil {
		return Value{}, errors.New("a number that starts with 0 is octal; 8 and 9 are not octal digits")
	}
	return Value{Kind: Integer, Text: raw, Int: i}, nil
}
