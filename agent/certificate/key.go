// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"

	"github.com/certagent/certagent/certspec"
	"github.com/certagent/certagent/redact"
)

// PrivateKey is a private key that does not print. The zero value is no key.
type PrivateKey struct{ signer crypto.Signer }

// Signer returns the key itself; nil for the zero value.
func (k PrivateKey) Signer() crypto.Signer { return k.signer }

// Public returns the public key; nil for the zero value.
func (k PrivateKey) Public() crypto.PublicKey {
	if k.signer == nil {
		return nil
	}
	return k.signer.Public()
}

// Format prints [redacted], whatever the verb.
func (PrivateKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, redact.Mark) }

// MarshalText returns [redacted], so that JSON does not contain the key either.
func (PrivateKey) MarshalText() ([]byte, error) { return []byte(redact.Mark), nil }

// LogValue returns [redacted].
func (PrivateKey) LogValue() slog.Value { return slog.StringValue(redact.Mark) }

var curves = map[int]elliptic.Curve{256: elliptic.P256(), 384: elliptic.P384(), 521: elliptic.P521()}

// generateKey generates a key. This may take seconds for RSA.
func generateKey(k certspec.KeySpec) (PrivateKey, error) {
	k = k.WithDefaults()
	var signer crypto.Signer
	var err error
	switch k.Type {
	case certspec.EC:
		curve := curves[k.Bits]
		if curve == nil {
			return PrivateKey{}, fmt.Errorf("cannot generate an EC key of %d bits", k.Bits)
		}
		signer, err = ecdsa.GenerateKey(curve, rand.Reader)
	case certspec.RSA:
		signer, err = rsa.GenerateKey(rand.Reader, k.Bits)
	case certspec.Ed25519:
		_, signer, err = ed25519.GenerateKey(rand.Reader)
	default:
		err = fmt.Errorf("cannot generate a key of type %q", k.Type)
	}
	if err != nil {
		return PrivateKey{}, fmt.Errorf("generating a private key: %w", err)
	}
	return PrivateKey{signer}, nil
}

// checkKey returns an error if a public key is not of the specified kind. A key made
// by Vault, or as the role requires it, may be of any kind.
func checkKey(k certspec.KeySpec, public crypto.PublicKey) error {
	k = k.WithDefaults()
	if k.Type == certspec.Vault || k.ByRole {
		return nil
	}
	kind, bits := kindOf(public)
	if kind == k.Type && bits == k.Bits {
		return nil
	}
	return fmt.Errorf("the key is of type %s, not %s", describe(kind, bits), describe(k.Type, k.Bits))
}

func describe(kind certspec.KeyType, bits int) string {
	if bits == 0 {
		return string(kind)
	}
	return fmt.Sprintf("%s %d", kind, bits)
}

// kindOf returns a public key's type and size.
func kindOf(public crypto.PublicKey) (certspec.KeyType, int) {
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		return certspec.EC, p.Curve.Params().BitSize
	case *rsa.PublicKey:
		return certspec.RSA, p.N.BitLen()
	case ed25519.PublicKey:
		return certspec.Ed25519, 0
	}
	return "unknown", 0
}

// same reports whether two public keys are equal.
func same(a, b crypto.PublicKey) bool {
	comparable, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && comparable.Equal(b)
}

var errNoKey = errors.New("there is no private key")
