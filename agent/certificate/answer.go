// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/certagent/certagent/redact"
)

// Pair is a certificate with its private key and the CAs above it.
type Pair struct {
	Leaf *x509.Certificate
	// Chain contains CAs: the leaf's issuer first, roots last, each once. Whether
	// the root is among them depends on Vault's answer.
	Chain []*x509.Certificate
	// Key is the zero value if the pair was read from files without a key.
	Key PrivateKey
}

// most is how many certificates an answer may contain. A chain has a handful.
const most = 100

// Parse reads the data of Vault's answer from pki/sign or pki/issue, in any of
// the formats pem, pem_bundle and der. It does not check what it reads. Its errors
// are of type *AnswerError.
func Parse(data map[string]any) (Pair, error) {
	own, key, err := field(data["certificate"])
	if err == nil && len(own) == 0 {
		err = errors.New("it contains no certificate")
	}
	if err != nil {
		return Pair{}, malformed("certificate", err)
	}
	pool := own
	for _, name := range []string{"issuing_ca", "ca_chain"} {
		list, _, err := field(data[name])
		if err != nil {
			return Pair{}, malformed(name, err)
		}
		pool = append(pool, list...)
	}
	if len(pool) > most {
		return Pair{}, malformed("ca_chain", fmt.Errorf("it contains more than %d certificates", most))
	}
	if text, _ := data["private_key"].(string); text != "" {
		if key, err = parseKeyText(text); err != nil {
			return Pair{}, malformed("private_key", err)
		}
	}
	leaf := leafOf(own)
	return Pair{Leaf: leaf, Chain: Order(leaf, pool), Key: key}, nil
}

// leafOf returns the leaf among the certificates of the field certificate. A bundle
// may be in any order.
func leafOf(own []*x509.Certificate) *x509.Certificate {
	if i := slices.IndexFunc(own, func(c *x509.Certificate) bool { return !c.IsCA }); i >= 0 {
		return own[i]
	}
	return own[0]
}

// field reads the certificates in a field of the answer, which is a string or a list
// of strings, and the private key that a bundle begins with.
func field(value any) (list []*x509.Certificate, key PrivateKey, err error) {
	switch v := value.(type) {
	case nil:
	case string:
		return texts(v)
	case []string:
		return texts(v...)
	case []any:
		var all []string
		for _, element := range v {
			text, ok := element.(string)
			if !ok {
				return nil, key, errors.New("it is not a list of strings")
			}
			all = append(all, text)
		}
		return texts(all...)
	default:
		return nil, key, errors.New("it is not a string")
	}
	return nil, key, nil
}

func texts(all ...string) (list []*x509.Certificate, key PrivateKey, err error) {
	for _, text := range all {
		found, err := certificatesIn(text)
		if err != nil {
			return nil, key, err
		}
		list = append(list, found...)
		if strings.Contains(text, keyLabelEnd+"-----") {
			if key, err = ParseKey(redact.Bytes(text)); err != nil {
				return nil, key, err
			}
		}
	}
	return list, key, nil
}

// certificatesIn reads PEM, or DER in base64 (the format der).
func certificatesIn(text string) ([]*x509.Certificate, error) {
	if strings.Contains(text, string(begin)) {
		return ParseCertificates([]byte(text))
	}
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, errors.New("it is neither PEM nor base64")
	}
	return ParseCertificates(pem.EncodeToMemory(&pem.Block{Type: certificateLabel, Bytes: der}))
}

func parseKeyText(text string) (PrivateKey, error) {
	if strings.Contains(text, string(begin)) {
		return ParseKey(redact.Bytes(text))
	}
	der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return PrivateKey{}, errors.New("it is neither PEM nor base64")
	}
	return parseKeyDER(der)
}
