// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/certagent/certagent/dev/internal/backend"
)

// answer is the data of the answer to issuing and signing.
func (p *PKI) answer(o *order, cert *x509.Certificate) (*backend.Response, error) {
	data := map[string]any{"expiration": cert.NotAfter.Unix(), "serial_number": serialOf(cert)}
	if err := o.in.encode(data, cert, o.issuer.cert, o.chain, o.key); err != nil {
		return nil, err
	}
	res := &backend.Response{Data: data, Warnings: o.warnings}
	if o.role.GenerateLease {
		serial, now := serialOf(cert), o.Now
		res.Lease = &backend.Lease{Duration: cert.NotAfter.Sub(now), Revoke: func() { p.issued.revoke(serial, now) }}
	}
	return res, nil
}

// encode sets the certificate, its CA, the chain and, if it is returned, the key,
// in the requested format.
func (in *certRequest) encode(data map[string]any, cert, ca *x509.Certificate, chain []*x509.Certificate, key crypto.Signer) error {
	encode := func(block string, der []byte) string { return encodePEM(block, der) }
	if in.Format == "der" {
		encode = func(_ string, der []byte) string { return base64.StdEncoding.EncodeToString(der) }
	}
	var texts []string
	for _, c := range chain {
		if in.RemoveRoots && len(texts) > 0 && bytes.Equal(c.RawSubject, c.RawIssuer) {
			continue
		}
		texts = append(texts, encode("CERTIFICATE", c.Raw))
	}
	leaf := encode("CERTIFICATE", cert.Raw)
	data["certificate"], data["ca_chain"] = leaf, texts
	data["issuing_ca"] = encode("CERTIFICATE", ca.Raw)
	bundle := append([]string{leaf}, texts...)
	if key != nil {
		der, block, err := marshalKey(key, in.PrivateKeyFormat == "pkcs8")
		if err != nil {
			return err
		}
		data["private_key"] = encode(block, der)
		data["private_key_type"], _ = keyType(key.Public())
		// In a bundle the key keeps its own format, whatever was requested.
		if der, block, err = marshalKey(key, false); err != nil {
			return err
		}
		bundle = append([]string{encodePEM(block, der)}, bundle...)
	}
	if in.Format == "pem_bundle" {
		data["certificate"] = strings.Join(bundle, "\n")
	}
	return nil
}

// plain returns the text of an error without Vault's list format.
func plain(err error) string {
	text := err.Error()
	if e := (*backend.Error)(nil); errors.As(err, &e) && strings.HasPrefix(text, "1 error occurred:") {
		text = strings.TrimSpace(strings.TrimPrefix(text, "1 error occurred:"))
		text = strings.TrimPrefix(text, "* ")
	}
	return text
}
