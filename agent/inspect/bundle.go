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

// bundle is the content of the files: each certificate and each key once.
type bundle struct {
	certificates map[string]*certificate // by DER
	keys         map[string]*key         // by DER
	order        []*certificate          // of the files
	keyOrder     []*key                  // of the files
	keyPaths     []string
	checks       int // of signatures
	problems     []error
}

// certificate is a certificate and the files that contain it.
type certificate struct {
	*x509.Certificate
	paths []string
	keys  []*key // that match it
}

// key is a private key and the files that contain it.
type key struct {
	public publicKey // nil if it cannot be compared: encrypted, or of a kind unknown to Go
	paths  []string
}

// publicKey is what every public key of the standard library implements.
type publicKey interface{ Equal(crypto.PublicKey) bool }

// isCA reports whether a certificate is a CA's. Version 1 of X.509 has no field for
// that; a self-issued certificate of that version counts as a CA's.
func (c *certificate) isCA() bool {
	return c.BasicConstraintsValid && c.IsCA || c.Version == 1 && c.selfIssued()
}

// selfIssued reports whether subject and issuer of a certificate are equal.
func (c *certificate) selfIssued() bool { return string(c.RawSubject) == string(c.RawIssuer) }

// fail records an error, if there is one.
func (b *bundle) fail(err error) {
	if err != nil {
		b.problems = append(b.problems, err)
	}
}

// joined is the end of a PEM block and the beginning of the next without a line break
// between them: OpenSSL and Go find neither block.
var joined = []byte("----------BEGIN ")

// read records the certificates and keys in a file.
func (b *bundle) read(f File) {
	if bytes.Contains(f.Content, joined) {
		b.fail(fmt.Errorf("%s: no line break between two PEM blocks: add one in the template", f.Path))
	}
	number := 0
	for block := range blocks(f.Content) {
		if len(b.order) > mostCertificates || len(b.keyOrder) > mostKeys {
			return // tooMuch fails
		}
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
		if key, is := parsed.PublicKey.(*rsa.PublicKey); is && key.N.BitLen() > mostRSABits {
			return fmt.Errorf("its RSA key has %d bits, more than %d", key.N.BitLen(), mostRSABits)
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
		return nil // a label alone is not a key
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

// publicOf returns the public key of a private key; nil if Go does not know its kind.
// Like crypto/tls it does not rely on the label.
func publicOf(block block) (publicKey, error) {
	if len(block.der) > mostKeyDER {
		return nil, fmt.Errorf("the key is longer than %d KiB", mostKeyDER>>10)
	}
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

// The limits of what is checked: others may decide what is in the files, and the checks
// of unlimited keys and certificates take unlimited time.
const (
	mostRSABits      = 16384
	mostKeyDER       = 16 << 10 // bytes of a private key
	mostCertificates = 5000
	mostKeys         = 200
	mostChecks       = 1000 // of signatures
)

// tooMuch fails, and returns true, if the files contain too much to be checked.
func (b *bundle) tooMuch() bool {
	switch {
	case len(b.order) > mostCertificates:
		b.fail(fmt.Errorf("the files contain more than %d certificates", mostCertificates))
	case len(b.keyOrder) > mostKeys:
		b.fail(fmt.Errorf("the files contain more than %d private keys", mostKeys))
	default:
		return false
	}
	return true
}

// isWhole reports whether der is one complete ASN.1 value.
func isWhole(der []byte) bool {
	var value asn1.RawValue
	rest, err := asn1.Unmarshal(der, &value)
	return err == nil && len(rest) == 0
}
