// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package inspect

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// bundle is what the files hold, each certificate and each key once.
type bundle struct {
	certificates map[string]*certificate // by DER
	keys         map[string]*key         // by DER
	order        []*certificate          // of the files
	keyOrder     []*key                  // of the files
	keyPaths     []string
	problems     []error
}

// certificate is a certificate and the files that hold it.
type certificate struct {
	*x509.Certificate
	paths []string
	keys  []*key // that fit it
}

// key is a private key and the files that hold it.
type key struct {
	public publicKey // nil if it cannot be compared: encrypted or of a kind unknown to Go
	paths  []string
	fits   bool // a certificate of the bundle
}

// publicKey is what every public key of the standard library implements.
type publicKey interface{ Equal(crypto.PublicKey) bool }

// isCA says whether a certificate is an authority's. The oldest kind of
// certificate cannot say so; if it is signed by itself it is taken for one.
func (c *certificate) isCA() bool {
	return c.BasicConstraintsValid && c.IsCA || c.Version == 1 && c.selfIssued()
}

// selfIssued says whether a certificate names itself as its issuer.
func (c *certificate) selfIssued() bool { return string(c.RawSubject) == string(c.RawIssuer) }

// fail records a reason not to publish, if there is one.
func (b *bundle) fail(err error) {
	if err != nil {
		b.problems = append(b.problems, err)
	}
}

// joined is the end of a PEM block and the beginning of the next one without a
// line break between them: OpenSSL and Go see neither.
var joined = []byte("----------BEGIN ")

// read records the certificates and keys in a file.
func (b *bundle) read(f File) {
	if bytes.Contains(f.Content, joined) {
		b.fail(fmt.Errorf("%s: a PEM block begins on the line on which the one before it ends: put a line break between them in the template", f.Path))
	}
	number := 0
	for block := range blocks(f.Content) {
		number++
		var err error
		switch {
		case block.label == "CERTIFICATE" || block.label == "X509 CERTIFICATE":
			err = b.readCertificate(f.Path, block)
		case strings.HasSuffix(block.label, "PRIVATE KEY"):
			err = b.readKey(f.Path, block)
		}
		if err != nil && !block.embedded {
			b.fail(fmt.Errorf("%s: PEM block %d (%s) is damaged: %w", f.Path, number, block.label, err))
		}
	}
}

func (b *bundle) readCertificate(path string, block block) error {
	if block.err != nil {
		return block.err
	}
	c := b.certificates[string(block.der)]
	if c == nil {
		parsed, err := x509.ParseCertificate(block.der)
		if err != nil {
			return err
		}
		c = &certificate{Certificate: parsed}
		b.certificates[string(block.der)] = c
		b.order = append(b.order, c)
	}
	if !slices.Contains(c.paths, path) {
		c.paths = append(c.paths, path)
	}
	return nil
}

func (b *bundle) readKey(path string, block block) error {
	if block.err != nil && block.embedded {
		return nil // the words alone make no key
	}
	if !slices.Contains(b.keyPaths, path) {
		b.keyPaths = append(b.keyPaths, path)
	}
	if block.err != nil {
		return block.err
	}
	k := b.keys[string(block.der)]
	if k == nil {
		k = &key{}
		if !block.encrypted && block.label != "ENCRYPTED PRIVATE KEY" {
			public, err := publicOf(block)
			if err != nil {
				return err
			}
			k.public = public
		}
		b.keys[string(block.der)] = k
		b.keyOrder = append(b.keyOrder, k)
	}
	if !slices.Contains(k.paths, path) {
		k.paths = append(k.paths, path)
	}
	return nil
}

// publicOf returns a private key's public key, and nil if Go does not know its
// kind. Like crypto/tls it does not rely on the label.
func publicOf(block block) (publicKey, error) {
	var private any
	var err error
	if private, err = x509.ParsePKCS8PrivateKey(block.der); err != nil {
		if private, err = x509.ParseECPrivateKey(block.der); err != nil {
			private, err = x509.ParsePKCS1PrivateKey(block.der)
		}
	}
	if err != nil {
		if block.label == "OPENSSH PRIVATE KEY" || isWhole(block.der) {
			return nil, nil
		}
		return nil, errors.New("it is not a private key")
	}
	switch p := private.(type) {
	case *rsa.PrivateKey:
		return &p.PublicKey, nil
	case *ecdsa.PrivateKey:
		return &p.PublicKey, nil
	case ed25519.PrivateKey:
		return p.Public().(ed25519.PublicKey), nil
	}
	return nil, nil
}

// isWhole says whether a text is one whole value of ASN.1.
func isWhole(der []byte) bool {
	var value asn1.RawValue
	rest, err := asn1.Unmarshal(der, &value)
	return err == nil && len(rest) == 0
}
