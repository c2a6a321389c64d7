// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/certagent/certagent/certspec"
)

// encodeKey encodes a key as PEM.
func encodeKey(key PrivateKey, form certspec.Form) ([]byte, error) {
	label, der, err := "PRIVATE KEY", []byte(nil), error(nil)
	switch form {
	case certspec.PKCS1:
		k, ok := key.signer.(*rsa.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("the form %q is for RSA keys", form)
		}
		label, der = "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k)
	case certspec.SEC1:
		k, ok := key.signer.(*ecdsa.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("the form %q is for EC keys", form)
		}
		label = "EC PRIVATE KEY"
		der, err = x509.MarshalECPrivateKey(k)
	case certspec.PKCS8:
		der, err = x509.MarshalPKCS8PrivateKey(key.signer)
	default:
		return nil, fmt.Errorf("unknown form %q of a key", form)
	}
	if err != nil {
		return nil, fmt.Errorf("encoding the private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}), nil
}
