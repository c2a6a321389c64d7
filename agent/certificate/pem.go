// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/certagent/certagent/redact"
)

const (
	certificateLabel = "CERTIFICATE"
	keyLabelEnd      = "PRIVATE KEY"
)

var (
	bom    = []byte("\xef\xbb\xbf")
	begin  = []byte("-----BEGIN ")
	joined = []byte("----------BEGIN ") // an end and a beginning without a line break between them
	parted = []byte("-----\n-----BEGIN ")
)

// blocks returns all PEM blocks of a text. It ignores what is around them, but a block
// that cannot be read is an error: it must not be lost silently.
func blocks(text []byte) ([]*pem.Block, error) {
	text = bytes.ReplaceAll(bytes.TrimPrefix(text, bom), joined, parted)
	var list []*pem.Block
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		list = append(list, block)
	}
	if len(list) != bytes.Count(text, begin) {
		return nil, errors.New("a PEM block is damaged")
	}
	return list, nil
}

// ParseCertificates returns the certificates of a PEM text, in their order.
func ParseCertificates(text []byte) ([]*x509.Certificate, error) {
	list, err := blocks(text)
	if err != nil {
		return nil, err
	}
	var found []*x509.Certificate
	for _, block := range list {
		if block.Type != certificateLabel {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading a certificate: %w", err)
		}
		if bits := rsaBits(c); bits > mostRSABits {
			return nil, fmt.Errorf("reading a certificate: its RSA key has %d bits, more than %d", bits, mostRSABits)
		}
		found = append(found, c)
	}
	return found, nil
}

// Keys of unlimited size take unlimited time to check.
const (
	mostRSABits = 16384
	mostKeyDER  = 16 << 10 // bytes of a private key
)

// rsaBits returns the size of a certificate's RSA key; 0 for other keys.
func rsaBits(c *x509.Certificate) int {
	if key, is := c.PublicKey.(*rsa.PublicKey); is {
		return key.N.BitLen()
	}
	return 0
}

// ParseKey returns the private key of a PEM text, whatever its form. There must be
// exactly one; there may be other blocks, such as certificates.
func ParseKey(text redact.Bytes) (PrivateKey, error) {
	list, err := blocks(text)
	if err != nil {
		return PrivateKey{}, err
	}
	var found PrivateKey
	for _, block := range list {
		if !strings.HasSuffix(block.Type, keyLabelEnd) {
			continue
		}
		if found.signer != nil {
			return PrivateKey{}, errors.New("it contains more than one private key")
		}
		if found, err = parseKeyBlock(block); err != nil {
			return PrivateKey{}, err
		}
	}
	if found.signer == nil {
		return PrivateKey{}, errNoKey
	}
	return found, nil
}

func parseKeyBlock(block *pem.Block) (PrivateKey, error) {
	if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
		return PrivateKey{}, errors.New("the private key is encrypted")
	}
	return parseKeyDER(block.Bytes)
}

// parseKeyDER tries every form, because labels may be wrong; crypto/tls does the same.
// It hides the parsers' errors, which may contain parts of the key.
func parseKeyDER(der []byte) (PrivateKey, error) {
	if len(der) > mostKeyDER {
		return PrivateKey{}, fmt.Errorf("the private key is longer than %d KiB", mostKeyDER>>10)
	}
	for _, parse := range []func([]byte) (any, error){
		x509.ParsePKCS8PrivateKey,
		func(der []byte) (any, error) { return x509.ParseECPrivateKey(der) },
		func(der []byte) (any, error) { return x509.ParsePKCS1PrivateKey(der) },
	} {
		key, err := parse(der)
		if err != nil {
			continue
		}
		if signer, ok := key.(crypto.Signer); ok {
			return PrivateKey{signer}, nil
		}
	}
	return PrivateKey{}, errors.New("cannot parse the private key")
}

// encodeCertificates encodes certificates as PEM, one after the other.
func encodeCertificates(list ...*x509.Certificate) []byte {
	var text []byte
	for _, c := range list {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: certificateLabel, Bytes: c.Raw})...)
	}
	return text
}
