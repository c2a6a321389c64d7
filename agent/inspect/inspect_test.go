// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package inspect

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/certinfo"
)

// summary says in one line what a report holds: leaves with their paths, a key
// sign for those with a key, then the paths of the keys.
func summary(r Report) string {
	var words []string
	for _, l := range r.Leaves {
		word := l.Certificate.Subject.CommonName + "@" + l.Path
		if l.HasKey {
			word += "+key"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ") + "|" + strings.Join(r.Keys, " ")
}

func TestInspect(t *testing.T) {
	t.Parallel()
	root, otherRoot := newCA(t, "root", 1, nil), newCA(t, "other", 0x2a, nil)
	middle, impostor := newCA(t, "middle", 3, root), newCA(t, "middle", 4, root)
	webKey, apiKey, lostKey := newKey(t), newKey(t), newKey(t)
	web, api := sign(t, leaf("web", 0x1a2b), webKey, middle), sign(t, leaf("api", 6), apiKey, middle)
	renewed := sign(t, leaf("web", 7), webKey, middle)
	self := sign(t, leaf("self", 8), apiKey, nil)
	selfCA := newCA(t, "self-ca", 9, nil)
	peer := sign(t, leaf("peer", 10), lostKey, otherRoot)
	w, a, lost := keyPEM(t, webKey), keyPEM(t, apiKey), keyPEM(t, lostKey)
	encrypted := encode("ENCRYPTED PRIVATE KEY", []byte{0x30, 0})

	for _, c := range []struct {
		name  string
		files []File
		want  string
		errs  []string
	}{
		{"no files", nil, "|", nil},
		{"no PEM", files("app.conf", "listen 443;", "token", "hvs.x"), "|", nil},
		{"three files", files("crt", web.pem, "key", w, "ca", middle.pem), "web@crt+key|key", nil},
		{"one file", files("all", w+web.pem+middle.pem+root.pem), "web@all+key|all", nil},
		{"CAs in any order, twice", files("crt", root.pem+middle.pem+web.pem, "key", w, "ca", middle.pem+root.pem), "web@crt+key|key", nil},
		{"certificate in two files", files("all", web.pem+w, "crt", web.pem, "ca", root.pem+middle.pem), "web@all+key|all", nil},
		{"key in two files", files("key", w, "all", w+web.pem), "web@all+key|key all", nil},
		{"without CA", files("crt", web.pem, "key", w), "web@crt+key|key", nil},
		{"without key", files("crt", web.pem+middle.pem), "web@crt|", nil},
		{"without certificate", files("key", w), "|key", nil},
		{"key and CA only", files("key", w, "ca", root.pem), "|key", nil},
		{"CA only", files("ca", root.pem+middle.pem), "|", nil},
		{"self-signed leaf", files("crt", self.pem, "key", a), "self@crt+key|key", nil},
		{"self-signed leaf beside a CA", files("crt", self.pem, "key", a, "ca", root.pem), "self@crt+key|key", nil},
		{"self-signed CA as leaf", files("crt", selfCA.pem, "key", keyPEM(t, selfCA.key)), "self-ca@crt+key|key", nil},
		{"two pairs", files("1.crt", web.pem, "1.key", w, "2.crt", api.pem, "2.key", a, "ca", middle.pem), "web@1.crt+key api@2.crt+key|1.key 2.key", nil},
		{"two certificates of one key", files("crt", renewed.pem+web.pem, "key", w), "web@crt+key web@crt+key|key", nil},
		{"peer's certificate beside a pair", files("peer", peer.pem, "crt", web.pem, "key", w), "web@crt+key|key", nil},
		{"token key beside a pair", files("crt", web.pem, "key", w, "jwt", lost), "web@crt+key|key jwt", nil},
		{"encrypted key", files("crt", web.pem, "key", encrypted), "web@crt|key", nil},
		{"leaf of each file without keys", files("a", root.pem+web.pem+renewed.pem, "b", api.pem), "web@a api@b|", nil},

		{"key does not fit", files("crt", web.pem, "key", a, "ca", middle.pem), "web@crt|key",
			[]string{`the private key in key does not match the certificate 1a:2b of "CN=web" in crt`}},
		{"key fits neither", files("crt", web.pem+peer.pem, "key", a), "web@crt|key",
			[]string{`the private key in key does not match the certificate 1a:2b of "CN=web" in crt nor the certificate 0a of "CN=peer" in crt`}},
		{"one pair of two does not fit", files("1.crt", web.pem, "1.key", w, "2.crt", api.pem, "2.key", lost), "web@1.crt+key|1.key 2.key",
			[]string{`the private key in 2.key does not match the certificate 06 of "CN=api" in 2.crt`}},
		{"keys exchanged between combined files", files("1", web.pem+a, "2", api.pem+w), "web@1+key api@2+key|1 2",
			[]string{`the private key in 1 does not match the certificate 1a:2b of "CN=web" in 1`, `the private key in 2 does not match the certificate 06 of "CN=api" in 2`}},
		{"self-signed leaf with another key", files("crt", self.pem, "key", w), "self@crt|key",
			[]string{`the private key in key does not match the certificate 08 of "CN=self" in crt`}},
		{"another CA", files("crt", web.pem, "key", w, "ca", otherRoot.pem+root.pem), "web@crt+key|key",
			[]string{`the certificate 1a:2b of "CN=web" in crt was issued by "CN=middle", not by the certificate 2a of "CN=other" in ca nor by the certificate 01 of "CN=root" in ca`}},
		{"another CA of the same name", files("crt", web.pem, "key", w, "ca", impostor.pem+root.pem), "web@crt+key|key",
			[]string{`the certificate 1a:2b of "CN=web" in crt was not signed by the certificate 04 of "CN=middle" in ca, which has the name of its issuer`}},
		{"both CAs of the same name", files("crt", web.pem, "key", w, "ca", impostor.pem+middle.pem), "web@crt+key|key", nil},
		{"several reasons", files("crt", web.pem, "key", w, "ca", otherRoot.pem, "bad", "-----BEGIN CERTIFICATE-----\n"), "web@crt+key|key",
			[]string{"bad: PEM block 1 (CERTIFICATE) is damaged: the END line is missing",
				`the certificate 1a:2b of "CN=web" in crt was issued by "CN=middle", not by the certificate 2a of "CN=other" in ca`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			report, err := Inspect(c.files, noon)
			if got := summary(report); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			got := ""
			if err != nil {
				got = err.Error()
			}
			if want := strings.Join(c.errs, "\n"); got != want {
				t.Errorf("error:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	in := noon.Add
	for _, c := range []struct {
		name          string
		before, after time.Time
		want          string
	}{
		{"as Vault issues it", in(-30 * time.Second), in(time.Hour), ""},
		{"a thousand years", in(-time.Hour), noon.AddDate(1000, 0, 0), ""},
		{"last second", in(-time.Hour), noon, ""},
		{"expired", in(-time.Hour), in(-time.Second), `the certificate 05 of "CN=web" in crt expired at 2030-01-02T11:59:59Z`},
		{"begins within the tolerance", in(certinfo.Tolerance), in(time.Hour), ""},
		{"not yet valid", in(certinfo.Tolerance + time.Second), in(time.Hour), `the certificate 05 of "CN=web" in crt is not valid before 2030-01-02T12:05:01Z`},
		{"ends before it begins", in(time.Hour), in(-time.Hour), `the certificate 05 of "CN=web" in crt ends before it begins`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			template := leaf("web", 5)
			template.NotBefore, template.NotAfter = c.before, c.after
			cert := sign(t, template, key, nil)
			for _, bundle := range [][]File{files("crt", cert.pem), files("crt", cert.pem, "key", keyPEM(t, key))} {
				report, err := Inspect(bundle, noon)
				if got := fmt.Sprint(err); got != c.want && !(err == nil && c.want == "") {
					t.Errorf("got  %s\nwant %s", got, c.want)
				}
				if !report.NotAfter.Equal(template.NotAfter) {
					t.Errorf("NotAfter %s", report.NotAfter)
				}
			}
		})
	}
}

func TestNotAfterIsTheEarliestLeafs(t *testing.T) {
	t.Parallel()
	late, early := leaf("late", 1), leaf("early", 2)
	late.NotAfter, early.NotAfter = noon.Add(2*time.Hour), noon.Add(time.Minute)
	ca := newCA(t, "ca", 3, nil)
	report, err := Inspect(files("a", sign(t, late, newKey(t), ca).pem, "b", sign(t, early, newKey(t), ca).pem, "ca", ca.pem), noon)
	if err != nil || !report.NotAfter.Equal(early.NotAfter) {
		t.Errorf("NotAfter %s, error %v", report.NotAfter, err)
	}
	if report, _ := Inspect(files("ca", ca.pem), noon); !report.NotAfter.IsZero() {
		t.Errorf("NotAfter %s without a leaf", report.NotAfter)
	}
}

func TestExpiredPeerIsNoConcern(t *testing.T) {
	t.Parallel()
	expired := leaf("peer", 1)
	expired.NotAfter = noon.Add(-time.Minute)
	key := newKey(t)
	if _, err := Inspect(files("peer", sign(t, expired, newKey(t), nil).pem, "crt", sign(t, leaf("web", 2), key, nil).pem, "key", keyPEM(t, key)), noon); err != nil {
		t.Error(err)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	must := func(der []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	ec, other := newKey(t), newKey(t)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certEC, certOther := sign(t, leaf("c", 1), ec, nil).pem, sign(t, leaf("o", 2), other, nil).pem
	certRSA, certEd, certP224 := sign(t, leaf("c", 1), rsaKey, nil).pem, sign(t, leaf("c", 1), ed, nil).pem, sign(t, leaf("c", 1), p224, nil).pem
	sec1 := must(x509.MarshalECPrivateKey(ec))
	parameters := "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
	legacy := "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"
	for _, c := range []struct {
		name, cert, key string
		fits            bool
		want            string // part of the error
	}{
		{"PKCS#8 EC", certEC, keyPEM(t, ec), true, ""},
		{"SEC1", certEC, encode("EC PRIVATE KEY", sec1), true, ""},
		{"SEC1 with parameters", certEC, parameters + encode("EC PRIVATE KEY", sec1), true, ""},
		{"SEC1 under another label", certEC, encode("PRIVATE KEY", sec1), true, ""},
		{"P-224", certP224, keyPEM(t, p224), true, ""},
		{"PKCS#1", certRSA, encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), true, ""},
		{"PKCS#8 RSA", certRSA, keyPEM(t, rsaKey), true, ""},
		{"PKCS#8 Ed25519", certEd, keyPEM(t, ed), true, ""},
		{"EC of another certificate", certOther, keyPEM(t, ec), false, "does not match"},
		{"RSA and EC", certRSA, keyPEM(t, ec), false, "does not match"},
		{"Ed25519 and EC", certEC, keyPEM(t, ed), false, "does not match"},
		{"encrypted PKCS#8", certEC, encode("ENCRYPTED PRIVATE KEY", []byte("any")), false, ""},
		{"encrypted in the old way", certRSA, legacy, false, ""},
		{"OpenSSH", certEC, encode("OPENSSH PRIVATE KEY", []byte("openssh-key-v1\x00")), false, ""},
		{"X25519", certEC, keyPEM(t, x25519), false, ""},
		{"unknown algorithm", certEC, encode("PRIVATE KEY", []byte{0x30, 3, 2, 1, 0}), false, ""},
		{"damaged", certEC, encode("EC PRIVATE KEY", sec1[:len(sec1)-9]), false, "key: PEM block 1 (EC PRIVATE KEY) is damaged: it is not a private key"},
		{"empty", certEC, "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", false, "is damaged: it is empty"},
		{"cut short", certEC, keyPEM(t, ec)[:60], false, "is damaged: the END line is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			report, err := Inspect(files("crt", c.cert, "key", c.key), noon)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if len(report.Leaves) != 1 || report.Leaves[0].HasKey != c.fits {
				t.Errorf("report %s", summary(report))
			}
			if len(report.Keys) != 1 || report.Keys[0] != "key" {
				t.Errorf("keys %q", report.Keys)
			}
			if err != nil && strings.Contains(err.Error(), base64.StdEncoding.EncodeToString(sec1)[:16]) {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

func TestOldestKindOfCA(t *testing.T) {
	t.Parallel()
	// Go makes no certificates of version 1; it is enough that the fields say so.
	c := certificate{Certificate: &x509.Certificate{Version: 1, SerialNumber: big.NewInt(1), RawSubject: []byte("a"), RawIssuer: []byte("a")}}
	if !c.isCA() {
		t.Error("a self-issued certificate of version 1 is no CA")
	}
	c.RawIssuer = []byte("b")
	if c.isCA() {
		t.Error("a leaf of version 1 is a CA")
	}
}
