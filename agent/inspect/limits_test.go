// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package inspect

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"
)

// TestFilesThatTakeTooLongAreRefused has files that somebody has put together so that the
// checks take as long as possible.
func TestFilesThatTakeTooLongAreRefused(t *testing.T) {
	key, other := newKey(t), newKey(t)
	root := newCA(t, "root", 1, nil)
	// Certificates of CAs that have one name, one key, and signed nothing.
	var cas, leaves strings.Builder
	for i := range int64(1500) {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(100 + i), Subject: pkix.Name{CommonName: "root"}, NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour),
			IsCA: true, BasicConstraintsValid: true,
		}
		cas.WriteString(sign(t, template, other, nil).pem)
		if i < 300 {
			leaves.WriteString(sign(t, leaf("web", 5000+i), key, root).pem)
		}
	}
	web := keyPEM(t, key)
	for _, c := range []struct {
		name  string
		files []File
		want  string
	}{
		{"leaves of one key and CAs that did not sign them", files("crt", leaves.String(), "key", web, "ca", cas.String()), "more than 1000 checks"},
		{"certificates", files("ca", encodeMany(t, 5001)), "more than 5000 certificates"},
		{"keys", files("key", manyKeys(t, 201)), "more than 200 private keys"},
		{"a huge key", files("key", encode("RSA PRIVATE KEY", append([]byte{0x30, 0x83, 0x0f, 0xff, 0xff}, bytes.Repeat([]byte{1}, 0xfffff)...))), "longer than 16 KiB"},
	} {
		began := time.Now()
		_, err := Inspect(c.files, noon)
		if took := time.Since(began); took > 20*time.Second { // with the machine's load
			t.Errorf("%s: took %v", c.name, took)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %.300v", c.name, err)
		}
		if err != nil && len(err.Error()) > 1<<20 {
			t.Errorf("%s: an error of %d bytes", c.name, len(err.Error()))
		}
	}
}

// encodeMany returns different certificates, which are cheap to make: only their serial
// numbers differ, so that their signatures are wrong.
func encodeMany(t *testing.T, n int) string {
	t.Helper()
	one := newCA(t, "root", 0x7f7f7f7f7f, nil)
	serial := []byte{0x7f, 0x7f, 0x7f, 0x7f, 0x7f}
	var b strings.Builder
	for i := range n {
		der := bytes.Clone(one.cert.Raw)
		at := bytes.Index(der, serial)
		der[at+3], der[at+4] = byte(i>>8), byte(i)
		b.WriteString(encode("CERTIFICATE", der))
	}
	return b.String()
}

func manyKeys(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	for range n {
		b.WriteString(keyPEM(t, newKey(t)))
	}
	return b.String()
}
