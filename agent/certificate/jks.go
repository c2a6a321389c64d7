// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"bytes"
	"crypto/sha1"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
)

// jksMagic is how a JKS file begins.
var jksMagic = []byte{0xfe, 0xed, 0xfe, 0xed}

// encodeJKS encodes what a server sends, without the root, and the key, under one
// alias. The date of the entry is the leaf's NotBefore, because it must not change.
func (o Output) encodeJKS(p Pair) ([]byte, error) {
	if err := o.CheckPassword(); err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(p.Key.signer)
	if err != nil {
		return nil, fmt.Errorf("encoding the private key: %w", err)
	}
	entry := keystore.PrivateKeyEntry{CreationTime: p.Leaf.NotBefore, PrivateKey: der}
	for _, c := range p.sent() {
		entry.CertificateChain = append(entry.CertificateChain, jksCertificate(c))
	}
	store := newJKS(keystore.WithCustomRandomNumberGenerator(saltsOf(o, der, p.sent())))
	if err := store.SetPrivateKeyEntry(o.Alias, entry, []byte(o.Password)); err != nil {
		return nil, err
	}
	return o.store(store)
}

func (o Output) encodeTrustedJKS(trust []*x509.Certificate) ([]byte, error) {
	if err := o.CheckPassword(); err != nil {
		return nil, err
	}
	store := newJKS()
	for i, c := range trust {
		entry := keystore.TrustedCertificateEntry{CreationTime: c.NotBefore, Certificate: jksCertificate(c)}
		if err := store.SetTrustedCertificateEntry(trustAlias(i), entry); err != nil {
			return nil, err
		}
	}
	return o.store(store)
}

func newJKS(options ...keystore.Option) keystore.KeyStore {
	return keystore.New(append(options, keystore.WithOrderedAliases())...)
}

func jksCertificate(c *x509.Certificate) keystore.Certificate {
	return keystore.Certificate{Type: "X.509", Content: c.Raw}
}

func (o Output) store(s keystore.KeyStore) ([]byte, error) {
	var content bytes.Buffer
	err := s.Store(&content, []byte(o.Password))
	return content.Bytes(), err
}

// load checks the digest and the lengths in the file before the library reads it, because
// the library allocates whatever they say.
func (o Output) load(content []byte) (keystore.KeyStore, error) {
	store := newJKS()
	at := len(content) - sha1.Size
	if at < 0 || !bytes.Equal(o.digest(content[:at]), content[at:]) {
		return store, errors.New("the file is damaged, or the password is wrong")
	}
	if err := checkJKSLengths(content[:at]); err != nil {
		return store, err
	}
	return store, store.Load(bytes.NewReader(content), []byte(o.Password))
}

// digest returns the digest at the end of a JKS file. The phrase in it is Java's.
func (o Output) digest(content []byte) []byte {
	h := sha1.New()
	for _, c := range []byte(o.Password) {
		h.Write([]byte{0, c})
	}
	h.Write([]byte("Mighty Aphrodite"))
	h.Write(content)
	return h.Sum(nil)
}

// recovered makes an error of a panic of the library, which some damaged keys cause.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the file is damaged: %v", r)
	}
}

func (o Output) decodeJKS(content []byte) (p Pair, err error) {
	defer recovered(&err)
	store, err := o.load(content)
	if err != nil {
		return Pair{}, err
	}
	entry, err := store.GetPrivateKeyEntry(o.Alias, []byte(o.Password))
	if err != nil {
		return Pair{}, err
	}
	var list []*x509.Certificate
	for _, c := range entry.CertificateChain {
		parsed, err := x509.ParseCertificate(c.Content)
		if err != nil {
			return Pair{}, err
		}
		list = append(list, parsed)
	}
	if len(list) == 0 {
		return Pair{}, errors.New("it contains no certificate")
	}
	key, err := parseKeyDER(entry.PrivateKey)
	return Pair{Leaf: list[0], Chain: Order(list[0], list), Key: key}, err
}

func (o Output) decodeTrustedJKS(content []byte) (list []*x509.Certificate, err error) {
	defer recovered(&err)
	store, err := o.load(content)
	if err != nil {
		return nil, err
	}
	for _, alias := range store.Aliases() {
		entry, err := store.GetTrustedCertificateEntry(alias)
		if err != nil {
			return nil, err
		}
		c, err := x509.ParseCertificate(entry.Certificate.Content)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}
