// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/certagent/certagent/redact"
)

// Kind is what a file holds, in the words of the configuration.
type Kind string

// The kinds. Those that hold the private key are marked with *.
const (
	Cert       Kind = "cert"       // PEM: the leaf
	FullChain  Kind = "fullchain"  // PEM: the leaf, then the intermediates, without roots
	Chain      Kind = "chain"      // PEM: the chain, roots included if Vault sent them
	CA         Kind = "ca"         // PEM: the trust bundle
	Key        Kind = "key"        // * PEM: the private key
	Combined   Kind = "combined"   // * PEM: fullchain, then key
	PKCS12     Kind = "pkcs12"     // * fullchain and key
	JKS        Kind = "jks"        // * fullchain and key
	Truststore Kind = "truststore" // the trust bundle, for Java
)

// Form is which form of its kind a file has, in the words of the configuration.
type Form string

// The forms. The first of each group is the default.
const (
	PKCS8 Form = "pkcs8" // of a key
	PKCS1 Form = "pkcs1" // of a key, RSA only
	SEC1  Form = "sec1"  // of a key, EC only

	Modern Form = "modern" // of PKCS#12: AES and SHA-256; OpenSSL 1.1.1, Java 8u301 and later
	Legacy Form = "legacy" // of PKCS#12: 3DES and SHA-1, for what is older

	Java Form = "jks" // of a truststore; the forms of PKCS#12 are possible, too
)

// forms are the possible forms of each kind, the default first.
var forms = map[Kind][]Form{
	Cert: nil, FullChain: nil, Chain: nil, CA: nil, JKS: nil,
	Key: {PKCS8, PKCS1, SEC1}, Combined: {PKCS8, PKCS1, SEC1},
	PKCS12: {Modern, Legacy}, Truststore: {Java, Modern, Legacy},
}

// Output is one file that is made of a pair.
type Output struct {
	Kind Kind
	Form Form // "" means the kind's default
	// Password encrypts and authenticates what the kinds pkcs12, jks and
	// truststore hold. The others have none.
	Password redact.Secret
	// Alias is the name of the entry in a JKS file; "" means "certificate".
	Alias string
}

// HoldsKey says whether the file has to be kept from other users.
func (o Output) HoldsKey() bool {
	return o.Kind == Key || o.Kind == Combined || o.Kind == PKCS12 || o.Kind == JKS
}

// HasPassword says whether the kind needs a password.
func (o Output) HasPassword() bool {
	return o.Kind == PKCS12 || o.Kind == JKS || o.Kind == Truststore
}

func (o Output) form() Form {
	if list := forms[o.Kind]; o.Form == "" && len(list) > 0 {
		return list[0]
	}
	return o.Form
}

func (o Output) alias() string {
	if o.Alias == "" {
		return "certificate"
	}
	return strings.ToLower(o.Alias) // as Java does
}

// Encode makes the file. Equal pairs, trust bundles and outputs give equal bytes.
// The trust bundle matters to the kinds ca and truststore only.
func (o Output) Encode(p Pair, trust Trust) (redact.Bytes, error) {
	content, err := o.encode(p, trust.Certificates())
	if err != nil {
		return nil, fmt.Errorf("making the file %s: %w", o.Kind, err)
	}
	return content, nil
}

func (o Output) encode(p Pair, trust []*x509.Certificate) ([]byte, error) {
	if o.HoldsKey() && p.Key.signer == nil {
		return nil, errNoKey
	}
	switch o.Kind {
	case Cert:
		return encodeCertificates(p.Leaf), nil
	case FullChain:
		return encodeCertificates(p.sent()...), nil
	case Chain:
		return encodeCertificates(p.Chain...), nil
	case CA:
		return encodeCertificates(trust...), nil
	case Key:
		return encodeKey(p.Key, o.form())
	case Combined:
		key, err := encodeKey(p.Key, o.form())
		return append(encodeCertificates(p.sent()...), key...), err
	case PKCS12:
		return o.encodePKCS12(p)
	case JKS:
		return o.encodeJKS(p)
	case Truststore:
		return o.encodeTruststore(trust)
	}
	return nil, errors.New("there is no such kind")
}

// sent is what a server sends: the leaf and the intermediates.
func (p Pair) sent() []*x509.Certificate {
	return append([]*x509.Certificate{p.Leaf}, intermediates(p.Chain)...)
}
