// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/certagent/certagent/certspec"
)

// requiredType and requiredSize find in Vault's reasons what a role requires of the key
// of a CSR (builtin/logical/pki/issuing/sign_cert.go; OpenBao says the same).
var (
	requiredType = regexp.MustCompile(`role requires keys of type (rsa|ec|ed25519)\b`)
	requiredSize = regexp.MustCompile(`requires a minimum of a (\d{1,5})-bit key`)
)

// RequiredKey returns the kind of key that a role requires, from Vault's reason for
// refusing a request with a key of another kind. ok is false if the reason is another one,
// or if no such key can be made.
func RequiredKey(reason string, tried certspec.KeySpec) (required certspec.KeySpec, ok bool) {
	required = tried.WithDefaults()
	if m := requiredType.FindStringSubmatch(reason); m != nil {
		required.Type, required.Bits = certspec.KeyType(m[1]), 0
		return required.WithDefaults(), required.Type != tried.WithDefaults().Type
	}
	m := requiredSize.FindStringSubmatch(reason)
	if m == nil {
		return required, false
	}
	least, _ := strconv.Atoi(m[1])
	for _, size := range required.Type.Sizes() {
		if size >= least {
			required.Bits = size
			return required, size > tried.WithDefaults().Bits
		}
	}
	return required, false
}

// KindOf returns the kind of a public key; false if it is none that can be made here.
func KindOf(public any) (certspec.KeySpec, bool) {
	kind, bits := kindOf(public)
	k := certspec.KeySpec{Type: kind, Bits: bits}
	return k, k.Validate() == nil
}

// DescribeKey returns the kind of key in words, such as "rsa 2048".
func DescribeKey(k certspec.KeySpec) string { return describe(k.Type, k.Bits) }

// KeyLine returns the line of the configuration for a kind of key.
func KeyLine(k certspec.KeySpec) string {
	if k.Bits == 0 {
		return fmt.Sprintf("key = { type = %q }", k.Type)
	}
	return fmt.Sprintf("key = { type = %q, bits = %d }", k.Type, k.Bits)
}
