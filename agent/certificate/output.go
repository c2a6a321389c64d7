// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/certagent/certagent/certspec"
	"github.com/certagent/certagent/redact"
)

// Output is one file that is made of a certificate and its key.
type Output struct {
	certspec.Output
	// Password encrypts and authenticates the content of the kinds pkcs12, jks and
	// truststore. The others have none.
	Password redact.Secret
}

// CheckPassword returns an error if the file cannot be made with the password.
func (o Output) CheckPassword() error {
	if o.Kind.HasPassword() {
		return certspec.CheckPassword(o.Password)
	}
	if o.Password != "" {
		return errors.New("a file of this kind has no password")
	}
	return nil
}

// Encode returns the content of the file. Equal pairs, trust bundles and outputs give
// equal bytes. The trust bundle is for the kinds ca and truststore only.
func (o Output) Encode(p Pair, trust Trust) (redact.Bytes, error) {
	o.Output = o.WithDefaults()
	content, err := o.encode(p, trust.Certificates())
	if err != nil {
		return nil, fmt.Errorf("encoding the file %s: %w", o.Kind, err)
	}
	return content, nil
}

func (o Output) encode(p Pair, trust []*x509.Certificate) ([]byte, error) {
	if o.Kind.HoldsKey() && p.Key.signer == nil {
		return nil, errNoKey
	}
	switch o.Kind {
	case certspec.Cert:
		return encodeCertificates(p.Leaf), nil
	case certspec.FullChain:
		return encodeCertificates(p.sent()...), nil
	case certspec.Chain:
		return encodeCertificates(p.Chain...), nil
	case certspec.CA:
		return encodeCertificates(trust...), nil
	case certspec.Key:
		return encodeKey(p.Key, o.Form)
	case certspec.Combined:
		key, err := encodeKey(p.Key, o.Form)
		return append(encodeCertificates(p.sent()...), key...), err
	case certspec.PKCS12:
		return o.encodePKCS12(p)
	case certspec.JKS:
		return o.encodeJKS(p)
	case certspec.Truststore:
		return o.encodeTruststore(trust)
	}
	return nil, errors.New("unknown kind of file")
}

// sent returns what a server sends: the leaf and the intermediates.
func (p Pair) sent() []*x509.Certificate {
	return append([]*x509.Certificate{p.Leaf}, intermediates(p.Chain)...)
}
