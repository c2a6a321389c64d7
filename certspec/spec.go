// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package certspec specifies a certificate as a value: what is asked of Vault
// (Spec), the files that are made of the answer (Output), and at what age it is
// renewed (Renew). The configuration decodes into it.
//
// It is pure: it makes no key, no request and no file.
package certspec

import (
	"fmt"
	"path"
	"strings"
	"time"
)

// Spec specifies one certificate. Its names are those of Vault's pki/sign and
// pki/issue.
type Spec struct {
	// Role is the mount's path and the role's name, such as "pki/web".
	Role string

	CommonName string
	AltNames   []string // host names and e-mail addresses
	IPSANs     []string
	URISANs    []string
	OtherSANs  []string // "<oid>;UTF8:<text>"

	// ExcludeCNFromSANs keeps CommonName from being an alternative name, too.
	ExcludeCNFromSANs bool

	TTL      time.Duration // whole seconds; 0 leaves it to the role
	NotAfter string        // RFC 3339, in place of TTL; "" for none

	// Params are further parameters, which have no field of their own. They must
	// not hold secrets: messages show them, and Identity hashes them.
	Params map[string]string

	Key KeySpec
}

// KeySpec specifies the kind of private key, and where it is made. The zero value
// is a new EC key on the curve P-256, made on this host.
type KeySpec struct {
	Type KeyType // "" means EC
	// Bits is 256, 384 or 521 for EC and 2048, 3072 or 4096 for RSA; 0 means the
	// smallest of them. The other types have none.
	Bits int
	// Reuse keeps the private key for the next certificate. A new key is made only
	// if there is none, or if it is of another kind.
	Reuse bool
	// ByRole is set if neither type nor size is configured: if the role requires
	// another kind of key, that is made instead.
	ByRole bool
}

// KeyType is a kind of key, named as in the configuration.
type KeyType string

// The kinds of key. A key of type Vault is made by Vault, of the kind that the
// role decides, and travels to this host.
const (
	EC      KeyType = "ec"
	RSA     KeyType = "rsa"
	Ed25519 KeyType = "ed25519"
	Vault   KeyType = "vault"
)

// keySizes are the sizes of each type, the default first; nil for no choice.
var keySizes = map[KeyType][]int{
	EC: {256, 384, 521}, RSA: {2048, 3072, 4096}, Ed25519: nil, Vault: nil,
}

// Sizes returns the sizes that keys of the type may have, in ascending order; nil for no
// choice.
func (t KeyType) Sizes() []int { return keySizes[t] }

// WithDefaults returns the specification with the defaults filled in.
func (k KeySpec) WithDefaults() KeySpec {
	if k.Type == "" {
		k.Type = EC
	}
	if sizes := keySizes[k.Type]; k.Bits == 0 && len(sizes) > 0 {
		k.Bits = sizes[0]
	}
	return k
}

// Path returns the path in Vault that issues the certificate: MOUNT/sign/ROLE, or
// MOUNT/issue/ROLE for a key made by Vault.
func (s Spec) Path() string {
	verb := "sign"
	if s.Key.Type == Vault {
		verb = "issue"
	}
	// The role is what follows the last slash: a mount's path may have slashes.
	return strings.Join([]string{path.Dir(s.Role), verb, path.Base(s.Role)}, "/")
}

// Renew specifies at what age a certificate is renewed. The zero value is two
// thirds of its lifetime. At most one field is not zero.
type Renew struct {
	Before time.Duration // this long before it expires
	At     float64       // at this fraction of its lifetime, between 0 and 1
}

// Validate returns everything that is wrong; nil if nothing is.
func (r Renew) Validate() []Problem {
	var ps problems
	if r.Before < 0 {
		ps.add(Problem{Key: "renew_before", Value: r.Before.String(), text: "must be more than 0", Hint: "remove it to use the default"})
	}
	if !(r.At >= 0 && r.At < 1) {
		ps.add(Problem{
			Key: "renew_at", Value: fmt.Sprint(r.At),
			text: "must be a fraction of the lifetime, between 0 and 1, not %s", Hint: "write for example 0.66",
		})
	}
	if r.Before != 0 && r.At != 0 {
		ps.add(Problem{Key: "renew_at", Conflict: true, text: "cannot be combined with renew_before", Hint: "keep one of them"})
	}
	return ps
}
