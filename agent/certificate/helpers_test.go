// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/certagent/certagent/certspec"
)

// noon is when the tests happen.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// ca is a test's authority.
type ca struct {
	cert *x509.Certificate
	key  crypto.Signer
}

var lastSerial struct {
	sync.Mutex
	n int64
}

func nextSerial() *big.Int {
	lastSerial.Lock()
	defer lastSerial.Unlock()
	lastSerial.n++
	return big.NewInt(1000 + lastSerial.n)
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// sign makes a certificate; by is nil for one signed by its own key.
func sign(template *x509.Certificate, public crypto.PublicKey, by *ca, own crypto.Signer) *x509.Certificate {
	template.SerialNumber = nextSerial()
	if template.NotBefore.IsZero() {
		template.NotBefore, template.NotAfter = noon.Add(-30*time.Second), noon.Add(72*time.Hour)
	}
	parent, key := template, own
	if by != nil {
		parent, key = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		panic(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return c
}

func caTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: noon.Add(-24 * time.Hour), NotAfter: noon.Add(1000 * time.Hour),
	}
}

func newRoot(name string) *ca {
	key := newKey()
	return &ca{sign(caTemplate(name), key.Public(), nil, key), key}
}

// under makes an authority whose certificate another one signed.
func (c *ca) under(name string) *ca {
	key := newKey()
	return &ca{sign(caTemplate(name), key.Public(), c, nil), key}
}

// cross is another certificate for the same name and key, by another authority.
func (c *ca) cross(by *ca) *x509.Certificate {
	return sign(caTemplate(c.cert.Subject.CommonName), c.key.Public(), by, nil)
}

func leafTemplate() *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: "example.test"}, DNSNames: []string{"example.test", "www.example.test"},
		IPAddresses: []net.IP{net.ParseIP("127.0.0.1").To4()}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

// issue signs a certificate for a key.
func (c *ca) issue(public crypto.PublicKey) *x509.Certificate {
	return sign(leafTemplate(), public, c, nil)
}

// webSpec is what leafTemplate answers.
func webSpec() certspec.Spec {
	return certspec.Spec{Role: "pki/web", CommonName: "example.test", AltNames: []string{"www.example.test"}, IPSANs: []string{"127.0.0.1"}}
}

// asked is webSpec's request for a key.
func asked(t testing.TB, s certspec.Spec) Request {
	t.Helper()
	r, err := NewRequest(s, PrivateKey{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func pemOf(list ...*x509.Certificate) string { return string(encodeCertificates(list...)) }

func keyPEM(t testing.TB, key crypto.Signer, form certspec.Form) string {
	t.Helper()
	text, err := encodeKey(PrivateKey{key}, form)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// testPKI is a root, an intermediate and a pair of each kind of key.
type testPKI struct {
	root, intermediate *ca
	pairs              map[string]Pair
	now                time.Time
}

var shared = sync.OnceValue(func() testPKI { return newPKI(noon) })

// newPKI is valid from an hour before now to an hour after and, if now is noon,
// as long as everything else.
func newPKI(now time.Time) testPKI {
	at := func(c *x509.Certificate) *x509.Certificate {
		if !now.Equal(noon) {
			c.NotBefore, c.NotAfter = now.Add(-time.Hour), now.Add(time.Hour)
		}
		return c
	}
	rootKey, key := newKey(), newKey()
	root := &ca{sign(at(caTemplate("Root")), rootKey.Public(), nil, rootKey), rootKey}
	intermediate := &ca{sign(at(caTemplate("Intermediate")), key.Public(), root, nil), key}
	p := testPKI{root: root, intermediate: intermediate, pairs: map[string]Pair{}, now: now}
	for name, spec := range map[string]certspec.KeySpec{
		"ec 256": {}, "ec 384": {Type: certspec.EC, Bits: 384}, "ec 521": {Type: certspec.EC, Bits: 521}, "rsa 2048": {Type: certspec.RSA}, "ed25519": {Type: certspec.Ed25519},
	} {
		key, err := generateKey(spec)
		if err != nil {
			panic(err)
		}
		leaf := sign(at(leafTemplate()), key.Public(), intermediate, nil)
		p.pairs[name] = Pair{Leaf: leaf, Key: key, Chain: []*x509.Certificate{intermediate.cert, root.cert}}
	}
	return p
}

func (p testPKI) trust() Trust { return Trust(nil).Next(time.Time{}, p.pairs["ec 256"].Chain, p.now) }

// csrOf parses the request's CSR.
func csrOf(t *testing.T, r Request) *x509.CertificateRequest {
	t.Helper()
	text, _ := r.Params["csr"].(string)
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(rest) > 0 {
		t.Fatalf("the CSR is not one PEM block: %q", text)
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if err := csr.CheckSignature(); err != nil {
		t.Fatal(err)
	}
	return csr
}

// decoded returns the content of a file.
func decoded(o Output, content []byte) (Pair, Trust, error) {
	d := o.Decode(content)
	return d.Pair, d.Trust, d.Err
}
