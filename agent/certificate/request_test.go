// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/certspec"
)

func TestRequestOfALocalKey(t *testing.T) {
	s := certspec.Spec{
		Role: "a/pki/web", CommonName: "bücher.example", AltNames: []string{"www.example.test", "a@example.test"}, IPSANs: []string{"10.0.0.1", "::1"},
		URISANs: []string{"spiffe://x/a,b"}, OtherSANs: []string{"1.3.6.1.4.1.311.20.2.3;UTF8:ü,x"}, TTL: 72 * time.Hour, Params: map[string]string{"user_ids": "u"},
	}
	r := asked(t, s)
	if r.Path != "a/pki/sign/web" {
		t.Errorf("path %q", r.Path)
	}
	csr := csrOf(t, r)
	delete(r.Params, "csr")
	want := map[string]any{
		"common_name": "bücher.example", "alt_names": "www.example.test,a@example.test", "ip_sans": []string{"10.0.0.1", "::1"},
		"uri_sans": []string{"spiffe://x/a,b"}, "other_sans": []string{"1.3.6.1.4.1.311.20.2.3;UTF8:ü,x"}, "ttl": "259200s", "user_ids": "u",
	}
	if diff := cmp.Diff(want, r.Params); diff != "" {
		t.Error(diff)
	}
	if csr.Subject.CommonName != "bücher.example" {
		t.Errorf("common name %q", csr.Subject.CommonName)
	}
	names := fmt.Sprint(csr.DNSNames, csr.EmailAddresses, csr.IPAddresses, csr.URIs)
	if want := "[www.example.test xn--bcher-kva.example] [a@example.test] [10.0.0.1 ::1] [spiffe://x/a,b]"; names != want {
		t.Errorf("names of the CSR: %s, want %s", names, want)
	}
	if !same(r.Key.Public(), csr.PublicKey) {
		t.Error("the CSR is for another key")
	}
	// The names of a CSR are read as those of a certificate are.
	asCertificate := &x509.Certificate{
		DNSNames: csr.DNSNames, EmailAddresses: csr.EmailAddresses, IPAddresses: csr.IPAddresses, URIs: csr.URIs, Extensions: csr.Extensions,
	}
	if diff := cmp.Diff(s.Names(), namesOf(asCertificate)); diff != "" {
		t.Error(diff)
	}
	if kind, bits := kindOf(csr.PublicKey); kind != certspec.EC || bits != 256 {
		t.Errorf("key of type %s %d", kind, bits)
	}
}

func TestRequestOfVaultsKey(t *testing.T) {
	s := certspec.Spec{Role: "pki/web", CommonName: "a.test", NotAfter: "2030-01-31T00:00:00Z", ExcludeCNFromSANs: true, Key: certspec.KeySpec{Type: certspec.Vault}}
	r := asked(t, s)
	want := Request{Path: "pki/issue/web", Params: map[string]any{
		"common_name": "a.test", "not_after": "2030-01-31T00:00:00Z", "exclude_cn_from_sans": true,
	}}
	if r.Path != want.Path || r.Key.Signer() != nil || !cmp.Equal(r.Params, want.Params) {
		t.Errorf("got %s %v", r.Path, r.Params)
	}
}

func TestCSRLeavesOutTheCommonNameIfAsked(t *testing.T) {
	s := webSpec()
	s.ExcludeCNFromSANs = true
	if csr := csrOf(t, asked(t, s)); !cmp.Equal(csr.DNSNames, []string{"www.example.test"}) || csr.Subject.CommonName != "example.test" {
		t.Errorf("got %v", csr.DNSNames)
	}
	if csr := csrOf(t, asked(t, certspec.Spec{Role: "pki/web", CommonName: "web server 3"})); len(csr.Extensions) != 0 {
		t.Errorf("a common name that is no host name made extensions: %v", csr.Extensions)
	}
}

func TestRequestMakesTheKeyThatIsAskedFor(t *testing.T) {
	for _, k := range []certspec.KeySpec{{}, {Type: certspec.EC, Bits: 384}, {Type: certspec.EC, Bits: 521}, {Type: certspec.RSA}, {Type: certspec.RSA, Bits: 3072}, {Type: certspec.Ed25519}} {
		s := webSpec()
		s.Key = k
		r := asked(t, s)
		if err := checkKey(k, r.Key.Public()); err != nil {
			t.Errorf("%+v: %v", k, err)
		}
		csrOf(t, r)
	}
}

func TestReuse(t *testing.T) {
	held := asked(t, webSpec()).Key
	for _, tt := range []struct {
		name string
		key  certspec.KeySpec
		held PrivateKey
		want bool
	}{
		{"not asked for", certspec.KeySpec{}, held, false},
		{"asked for", certspec.KeySpec{Reuse: true}, held, true},
		{"nothing to reuse", certspec.KeySpec{Reuse: true}, PrivateKey{}, false},
		{"of another size", certspec.KeySpec{Bits: 384, Reuse: true}, held, false},
		{"of another type", certspec.KeySpec{Type: certspec.Ed25519, Reuse: true}, held, false},
	} {
		s := webSpec()
		s.Key = tt.key
		r, err := NewRequest(s, tt.held)
		if err != nil {
			t.Fatal(err)
		}
		if got := same(r.Key.Public(), held.Public()); got != tt.want {
			t.Errorf("%s: reused %t, want %t", tt.name, got, tt.want)
		}
		if !same(csrOf(t, r).PublicKey, r.Key.Public()) {
			t.Errorf("%s: the CSR is for another key", tt.name)
		}
	}
}

// TestKeysDoNotPrint looks for the bytes of a key in all that may be logged.
func TestKeysDoNotPrint(t *testing.T) {
	s := webSpec()
	s.Key.Type = certspec.Ed25519
	r := asked(t, s)
	p := Pair{Key: r.Key}
	secret := fmt.Sprint(r.Key.Signer())
	hexadecimal := fmt.Sprintf("%x", r.Key.Signer())
	var log strings.Builder
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("x", "request", r, "pair", p, "key", r.Key)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "request", r, "pair", p, "key", r.Key)
	text, err := json.Marshal([]any{r, p})
	if err != nil {
		t.Fatal(err)
	}
	log.Write(text)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		fmt.Fprintf(&log, verb+verb+verb, r, p, r.Key)
	}
	for _, bad := range []string{strings.Trim(secret, "[]"), hexadecimal} {
		if strings.Contains(log.String(), bad) {
			t.Error("a private key was printed")
		}
	}
	if !strings.Contains(log.String(), "[redacted]") {
		t.Error("no mark was printed")
	}
}
