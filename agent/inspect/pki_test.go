// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package inspect

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/certagent/certagent/redact"
)

// noon is when the tests take place.
var noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

// authority is a CA, or a leaf that signs itself.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	pem  string
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign returns the certificate of a template; without an issuer it signs itself.
func sign(t testing.TB, template *x509.Certificate, key crypto.Signer, issuer *authority) *authority {
	t.Helper()
	if template.NotBefore.IsZero() {
		template.NotBefore = noon.Add(-time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = noon.Add(time.Hour)
	}
	parent, parentKey := template, key
	if issuer != nil {
		parent, parentKey = issuer.cert, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, encode("CERTIFICATE", der)}
}

// newCA returns a CA, a root if it has no issuer.
func newCA(t testing.TB, name string, serial int64, issuer *authority) *authority {
	t.Helper()
	return sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, newKey(t), issuer)
}

// leaf is the template of a leaf.
func leaf(name string, serial int64) *x509.Certificate {
	return &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true}
}

func encode(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

// keyPEM returns a key in PKCS#8.
func keyPEM(t testing.TB, key crypto.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return encode("PRIVATE KEY", der)
}

// files makes files of pairs of a path and a content.
func files(pairs ...string) []File {
	var list []File
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, File{Path: pairs[i], Content: redact.Bytes(pairs[i+1])})
	}
	return list
}
