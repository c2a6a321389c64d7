// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"bytes"
	"crypto/x509"
	"fmt"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/certagent/certagent/certspec"
)

// encodePKCS12 encodes what a server sends, without the root, and the key.
func (o Output) encodePKCS12(p Pair) ([]byte, error) {
	encoder, err := o.encoder()
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(p.Key.signer)
	if err != nil {
		return nil, fmt.Errorf("encoding the private key: %w", err)
	}
	list := p.sent()
	return encoder.WithRand(saltsOf(o, der, list)).Encode(p.Key.signer, list[0], list[1:], string(o.Password))
}

// encoder returns an encoder with the parameters of a fixed year, so that a later
// version of the library does not change the files.
func (o Output) encoder() (*pkcs12.Encoder, error) {
	if err := o.CheckPassword(); err != nil {
		return nil, err
	}
	switch o.Form {
	case certspec.Modern:
		return pkcs12.Modern2023, nil
	case certspec.Legacy:
		return pkcs12.LegacyDES, nil
	}
	return nil, fmt.Errorf("unknown form %q of PKCS#12", o.Form)
}

// encodeTruststore marks each certificate as trusted, as Java does.
func (o Output) encodeTruststore(trust []*x509.Certificate) ([]byte, error) {
	if o.Form == certspec.Java {
		return o.encodeTrustedJKS(trust)
	}
	encoder, err := o.encoder()
	if err != nil {
		return nil, err
	}
	var entries []pkcs12.TrustStoreEntry
	for i, c := range trust {
		entries = append(entries, pkcs12.TrustStoreEntry{Cert: c, FriendlyName: trustAlias(i)})
	}
	return encoder.WithRand(saltsOf(o, nil, trust)).EncodeTrustStoreEntries(entries, string(o.Password))
}

// trustAlias returns the alias of a certificate of a trust store. Aliases sort in the
// order of the certificates.
func trustAlias(i int) string { return fmt.Sprintf("ca-%02d", i+1) }

func (o Output) decodePKCS12(content []byte) (Pair, error) {
	if err := checkPKCS12Work(content); err != nil {
		return Pair{}, err
	}
	key, leaf, list, err := pkcs12.DecodeChain(content, string(o.Password))
	if err != nil {
		return Pair{}, err
	}
	signer, err := asSigner(key)
	return Pair{Leaf: leaf, Chain: Order(leaf, list), Key: signer}, err
}

func (o Output) decodeTruststore(content []byte) ([]*x509.Certificate, error) {
	if bytes.HasPrefix(content, jksMagic) {
		return o.decodeTrustedJKS(content)
	}
	if err := checkPKCS12Work(content); err != nil {
		return nil, err
	}
	return pkcs12.DecodeTrustStore(content, string(o.Password))
}
