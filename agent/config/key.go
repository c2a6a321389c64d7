// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/certagent/certagent/agent/config/hclread"
)

// Key is the kind of private key, and who makes it.
type Key struct {
	// Type is ec, rsa or ed25519 for one that is made on this host and never
	// leaves it, or vault for one that Vault makes, of the kind that its role says.
	Type string
	// Bits is 256, 384 or 521 for ec and 2048, 3072 or 4096 for rsa. The others
	// have none: it is 0.
	Bits int
	// Reuse asks for the next certificate with the same key.
	Reuse bool
}

// keySizes are the sizes of each type, the default first; nil for no choice.
var keySizes = map[string][]int{
	"ec": {256, 384, 521}, "rsa": {2048, 3072, 4096}, "ed25519": nil, "vault": nil,
}

// readKey also returns the form in which the key is written: pkcs8, pkcs1 or
// sec1; empty if it is not given.
func readKey(s *scope) (k Key, format string) {
	k = Key{Type: "ec", Bits: 256}
	s.asked = append(s.asked, "key")
	switch v := s.value("key"); {
	case v.Kind == hclread.Block, v.Kind == hclread.List:
		if b := s.ownBlock("key"); b != nil {
			return readKeyBlock(b)
		}
	case v.Kind == hclread.Absent, v.Kind == hclread.String && v.Text == "local":
	case v.Kind == hclread.String && v.Text == "vault":
		return Key{Type: "vault"}, ""
	default:
		s.problem(LoadError, "key", "unknown value "+v.Describe(), `write "local", "vault", or { type = "ec", bits = 256 }`)
	}
	return k, ""
}

func readKeyBlock(s *scope) (k Key, format string) {
	get(s, "type", asString, &k.Type)
	get(s, "bits", asInteger, &k.Bits)
	get(s, "reuse", asBool, &k.Reuse)
	get(s, "format", asString, &format)
	s.finish(LoadError)
	k.Type = cmp.Or(k.Type, "ec")
	sizes, known := keySizes[k.Type]
	switch {
	case !known:
		s.problem(LoadError, "type", "unknown value "+s.value("type").Describe(), `write "ec", "rsa", "ed25519" or "vault"`)
	case s.has("bits") && len(sizes) == 0:
		s.problem(ValidateError, "bits", fmt.Sprintf("has no meaning for a key of type %q", k.Type), k.bitsHint())
	case !s.has("bits") && len(sizes) > 0:
		k.Bits = sizes[0]
	case s.value("bits").Kind == hclread.Integer && !slices.Contains(sizes, k.Bits):
		s.problem(ValidateError, "bits", fmt.Sprintf("%s is no size of a key of type %q", s.value("bits").Describe(), k.Type),
			fmt.Sprintf("write %d, %d or %d", sizes[0], sizes[1], sizes[2]))
	}
	if k.Type == "vault" && k.Reuse {
		s.problem(ValidateError, "reuse", "is not possible for a key that Vault makes", "have it made here, or remove reuse")
	}
	k.checkFormat(s, format)
	return k, format
}

func (k Key) bitsHint() string {
	if k.Type == "vault" {
		return "the role in Vault decides"
	}
	return "remove it"
}

// checkFormat: two of the forms are for one type of keys each. Of a key that
// Vault makes, nobody here knows the type.
func (k Key) checkFormat(s *scope, format string) {
	types := map[string]string{"pkcs8": k.Type, "pkcs1": "rsa", "sec1": "ec"}
	switch of, known := types[format]; {
	case !s.has("format") || s.value("format").Kind != hclread.String:
	case !known:
		s.problem(LoadError, "format", "unknown value "+s.value("format").Describe(), `write "pkcs8", "pkcs1" or "sec1"`)
	case of != k.Type && k.Type != "vault":
		s.problem(ValidateError, "format", fmt.Sprintf("%s is for keys of type %q", strings.ToUpper(format), of),
			`write "pkcs8", or change type`)
	}
}
