// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/vaultreq"
)

// leafFor returns a certificate for example.test and others.
func leafFor(t *testing.T) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "Example.test"}, DNSNames: []string{"example.test", "www.example.test"},
		IPAddresses: []net.IP{net.ParseIP("::1")}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

// A template gets whatever certificate Vault issues, but one that does not have the name
// it asked for is told, once for each.
func TestCertificateOfAnotherNameIsTold(t *testing.T) {
	leaf := leafFor(t)
	answer := &api.Secret{Data: map[string]any{"certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}))}}
	for _, c := range []struct {
		path   string
		params []string
		want   string // in the line; "" for none
	}{
		{"pki/issue/web", []string{"common_name=example.test", "alt_names=www.example.test,EXAMPLE.test", "ip_sans=0:0:0:0:0:0:0:1"}, ""},
		{"pki/issue/web", []string{"common_name=other.test"}, "detail=other.test"},
		{"pki/issue/web", []string{"common_name=example.test", "alt_names=a.test, b.test"}, `detail="a.test, b.test"`},
		{"pki/issue/web", []string{"common_name=example.test", "ip_sans=127.0.0.1"}, "detail=127.0.0.1"},
		{"pki/issue/web", []string{"common_name=bücher.test"}, ""}, // written in another way
		{"transit/encrypt/web", []string{"common_name=other.test"}, ""},
	} {
		var log bytes.Buffer
		b := &Bundle{log: slog.New(slog.NewTextHandler(&log, nil))}
		kind := vaultreq.Write
		request, err := vaultreq.New(kind, c.path, c.params...)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			b.tellWrongName(request, &secrets.Answer{Request: request, Secret: answer, Version: 1})
		}
		said := strings.Count(log.String(), logmsg.WrongName)
		if c.want == "" && said > 0 || c.want != "" && (said != 1 || !strings.Contains(log.String(), c.want)) {
			t.Errorf("%s %q: %q", c.path, c.params, &log)
		}
	}
}
