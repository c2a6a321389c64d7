// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"path"
	"strings"
	"time"
)

// Spec is one certificate as it is asked for. Its names are those of Vault's
// pki/sign and pki/issue.
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

	// Params are further parameters. They are no place for secrets: they show
	// in messages, and in the identity as a plain hash.
	Params map[string]string

	Key KeySpec
}

// KeySpec is the kind of private key, and who makes it. The zero value is a new
// EC key on the curve P-256, made here.
type KeySpec struct {
	Type KeyType // "" means EC
	// Bits is 256, 384 or 521 for EC and 2048, 3072 or 4096 for RSA; 0 means the
	// smallest of them. The other types have none.
	Bits int
	// Reuse asks for the same key again and again, for those who pin it. A new
	// one is made only where the old one is missing or of another kind.
	Reuse bool
}

// KeyType is a kind of key, in the words of the configuration.
type KeyType string

// The kinds of key. With Vault the role decides the kind, and the key travels.
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

// normal is the spec of the key with the defaults filled in.
func (k KeySpec) normal() KeySpec {
	if k.Type == "" {
		k.Type = EC
	}
	if sizes := keySizes[k.Type]; k.Bits == 0 && len(sizes) > 0 {
		k.Bits = sizes[0]
	}
	return k
}

// mount and role split Role at its last slash: mounts may have slashes in their
// path, roles have none in their name.
func (s Spec) mount() string { return path.Dir(s.Role) }
func (s Spec) role() string  { return path.Base(s.Role) }

// verb is Vault's word for what is asked.
func (s Spec) verb() string {
	if s.Key.Type == Vault {
		return "issue"
	}
	return "sign"
}

// Path is where Vault is asked.
func (s Spec) Path() string { return strings.Join([]string{s.mount(), s.verb(), s.role()}, "/") }
