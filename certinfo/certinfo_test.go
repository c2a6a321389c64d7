// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certinfo_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/certagent/certagent/certinfo"
)

func TestSerial(t *testing.T) {
	t.Parallel()
	for number, want := range map[int64]string{0: "", 1: "01", 0x1a2b: "1a:2b", 0xf00d: "f0:0d"} {
		if got := certinfo.Serial(&x509.Certificate{SerialNumber: big.NewInt(number)}); got != want {
			t.Errorf("%d: %q, want %q", number, got, want)
		}
	}
}

func TestSigned(t *testing.T) {
	t.Parallel()
	root, key := issue(t, "root", nil, nil)
	impostor, _ := issue(t, "root", nil, nil)
	other, _ := issue(t, "other", nil, nil)
	leaf, _ := issue(t, "leaf", root, key)
	weak := *leaf
	weak.SignatureAlgorithm = x509.SHA1WithRSA
	unknown := *leaf
	unknown.SignatureAlgorithm = x509.UnknownSignatureAlgorithm
	for _, c := range []struct {
		name      string
		ca, child *x509.Certificate
		want      bool
	}{
		{"its issuer", root, leaf, true},
		{"itself", root, root, true},
		{"another CA of the same name", impostor, leaf, false},
		{"another CA", other, leaf, false},
		{"the leaf", leaf, root, false},
		{"a weak signature", root, &weak, true},
		{"a signature of an unknown kind", root, &unknown, true},
		{"a weak signature, another CA", other, &weak, false},
	} {
		if got := certinfo.Signed(c.ca, c.child); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

// issue returns a CA's certificate, signed by another one or by itself.
func issue(t *testing.T, name string, ca *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if ca == nil {
		ca, by = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c, key
}
