// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"

	"github.com/certagent/certagent/dev/internal/backend"
)

var curves = map[int]elliptic.Curve{224: elliptic.P224(), 256: elliptic.P256(), 384: elliptic.P384(), 521: elliptic.P521()}

// keyBits checks the type and size of a key and returns the size or its default.
func keyBits(kind string, bits int) (int, error) {
	switch kind {
	case "rsa":
		if bits == 0 {
			return 2048, nil
		}
		if bits < 2048 {
			return 0, backend.BadRequest("RSA keys < 2048 bits are unsafe and not supported: got %d", bits)
		}
		if bits != 2048 && bits != 3072 && bits != 4096 && bits != 8192 {
			return 0, backend.BadRequest("unsupported bit length for RSA key: %d", bits)
		}
		return bits, nil
	case "ec":
		if bits == 0 {
			return 256, nil
		}
		if curves[bits] == nil {
			return 0, backend.BadRequest("unsupported bit length for EC key: %d", bits)
		}
		return bits, nil
	case "ed25519", "any":
		return 0, nil
	}
	return 0, backend.BadRequest("unknown key type %s", kind)
}

// generateKey creates a key. The kind and bits must have been checked.
func generateKey(kind string, bits int) (crypto.Signer, error) {
	switch kind {
	case "rsa":
		return rsa.GenerateKey(rand.Reader, bits)
	case "ec":
		return ecdsa.GenerateKey(curves[bits], rand.Reader)
	default:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
}

// keyType returns the type, as named by Vault, and the size of a public key.
func keyType(pub crypto.PublicKey) (kind string, bits int) {
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		return "rsa", pub.N.BitLen()
	case *ecdsa.PublicKey:
		return "ec", pub.Curve.Params().BitSize
	case ed25519.PublicKey:
		return "ed25519", 0
	}
	return "", 0
}

// marshalKey returns a key as DER and the label of its PEM block.
func marshalKey(key crypto.Signer, pkcs8 bool) (der []byte, block string, err error) {
	if !pkcs8 {
		switch key := key.(type) {
		case *rsa.PrivateKey:
			return x509.MarshalPKCS1PrivateKey(key), "RSA PRIVATE KEY", nil
		case *ecdsa.PrivateKey:
			der, err = x509.MarshalECPrivateKey(key)
			return der, "EC PRIVATE KEY", err
		}
	}
	der, err = x509.MarshalPKCS8PrivateKey(key)
	return der, "PRIVATE KEY", err
}

// encodePEM returns a PEM block without the newline at the end, as Vault does.
func encodePEM(block string, der []byte) string {
	text := pem.EncodeToMemory(&pem.Block{Type: block, Bytes: der})
	return string(text[:len(text)-1])
}
