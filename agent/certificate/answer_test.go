// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/certinfo"
	"github.com/certagent/certagent/certspec"
)

func TestAnswerInEveryForm(t *testing.T) {
	p := shared()
	s := webSpec()
	r := asked(t, s)
	leaf := p.intermediate.issue(r.Key.Public())
	i, root := p.intermediate.cert, p.root.cert
	der := func(c *x509.Certificate) string { return base64.StdEncoding.EncodeToString(c.Raw) }
	crlf := func(text string) string { return "\xef\xbb\xbf" + strings.ReplaceAll(text, "\n", "\r\n") }
	for name, data := range map[string]map[string]any{
		"pem":               {"certificate": pemOf(leaf), "issuing_ca": pemOf(i), "ca_chain": []any{pemOf(i), pemOf(root)}},
		"without line ends": {"certificate": strings.TrimSpace(pemOf(leaf)), "issuing_ca": strings.TrimSpace(pemOf(i)), "ca_chain": []string{pemOf(root)}},
		"der":               {"certificate": der(leaf), "issuing_ca": der(i), "ca_chain": []any{der(root), der(i)}},
		"pem_bundle":        {"certificate": pemOf(leaf, i, root), "issuing_ca": pemOf(i)},
		"bundle reversed":   {"certificate": pemOf(root, i, leaf), "issuing_ca": pemOf(i), "ca_chain": nil},
		"joined":            {"certificate": strings.TrimSpace(pemOf(leaf)) + strings.TrimSpace(pemOf(i)) + pemOf(root)},
		"CRLF and BOM":      {"certificate": crlf(pemOf(leaf)), "issuing_ca": crlf(pemOf(i)), "ca_chain": []any{crlf(pemOf(i, root))}},
		"junk around":       {"certificate": "subject=x\n" + pemOf(leaf) + "\njunk", "issuing_ca": pemOf(i), "ca_chain": []any{"", pemOf(i, i, root, leaf, root)}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadAnswer(s, r, data, noon)
			if err != nil {
				t.Fatal(err)
			}
			if !got.Leaf.Equal(leaf) || pemOf(got.Chain...) != pemOf(i, root) || !same(got.Key.Public(), r.Key.Public()) {
				t.Errorf("got %s with %d CAs", certinfo.Serial(got.Leaf), len(got.Chain))
			}
		})
	}
}

func TestAnswerWithVaultsKey(t *testing.T) {
	p := shared()
	s := webSpec()
	s.Key.Type = certspec.Vault
	for name, pair := range p.pairs {
		for _, form := range []certspec.Form{certspec.PKCS8, certspec.PKCS1, certspec.SEC1} {
			text, err := encodeKey(pair.Key, form)
			if err != nil {
				continue // not of this kind of key
			}
			for style, data := range map[string]map[string]any{
				"field":  {"certificate": pemOf(pair.Leaf), "private_key": string(text)},
				"bundle": {"certificate": string(text) + pemOf(pair.Leaf)},
			} {
				data["ca_chain"] = []any{pemOf(pair.Chain...)}
				got, err := ReadAnswer(s, Request{}, data, noon)
				if err != nil || !same(got.Key.Public(), pair.Key.Public()) {
					t.Errorf("%s as %s in the %s: %v", name, form, style, err)
				}
			}
		}
	}
}

func TestAnswersThatAreRefused(t *testing.T) {
	p := shared()
	request := asked(t, webSpec())
	public := request.Key.Public()
	good := p.intermediate.issue(public)
	with := func(change func(*x509.Certificate)) string {
		template := leafTemplate()
		change(template)
		return pemOf(sign(template, public, p.intermediate, nil))
	}
	for _, tt := range []struct {
		name   string
		change func(data map[string]any)
		spec   func(*certspec.Spec)
		want   Refusal
		says   string
	}{
		{name: "no data", change: func(d map[string]any) { clear(d) }, want: Malformed, says: "Vault's answer: certificate: it contains no certificate"},
		{name: "null", change: func(d map[string]any) { d["certificate"] = nil }, want: Malformed},
		{name: "number", change: func(d map[string]any) { d["certificate"] = json.Number("1") }, want: Malformed},
		{name: "HTML", change: func(d map[string]any) { d["certificate"] = "<html>" }, want: Malformed, says: "neither PEM nor base64"},
		{name: "cut off", change: func(d map[string]any) { d["certificate"] = pemOf(good)[:300] }, want: Malformed, says: "damaged"},
		{name: "not a certificate", change: func(d map[string]any) { d["certificate"] = "AAAA" }, want: Malformed},
		{name: "only a key", change: func(d map[string]any) { d["certificate"] = keyPEM(t, newKey(), certspec.PKCS8) }, want: Malformed},
		{name: "damaged CA", change: func(d map[string]any) { d["ca_chain"] = []any{pemOf(p.root.cert)[:300]} }, want: Malformed, says: "Vault's answer: ca_chain"},
		{name: "CA that is no text", change: func(d map[string]any) { d["ca_chain"] = []any{1} }, want: Malformed},
		{name: "too many", change: func(d map[string]any) { d["ca_chain"] = []any{strings.Repeat(pemOf(p.root.cert), most)} }, want: Malformed},
		{name: "another's key", change: func(d map[string]any) { d["certificate"] = pemOf(p.intermediate.issue(newKey().Public())) }, want: WrongKey},
		{name: "the CA in place of the leaf", change: func(d map[string]any) { d["certificate"] = pemOf(p.intermediate.cert) }, want: WrongKey},
		{name: "key type", spec: func(s *certspec.Spec) { s.Key.Bits = 384 }, want: WrongKeyType, says: "of type ec 256, not ec 384"},
		{name: "name missing", spec: func(s *certspec.Spec) { s.AltNames = append(s.AltNames, "api.example.test") }, want: WrongNames, says: "is not for api.example.test"},
		{name: "address missing", spec: func(s *certspec.Spec) { s.IPSANs = append(s.IPSANs, "::1") }, want: WrongNames, says: "::1"},
		{name: "URI missing", spec: func(s *certspec.Spec) { s.URISANs = []string{"spiffe://a/b"} }, want: WrongNames},
		{name: "other name missing", spec: func(s *certspec.Spec) { s.OtherSANs = []string{"1.2.3;UTF8:x"} }, want: WrongNames, says: "1.2.3;UTF8:x"},
		{name: "common name", spec: func(s *certspec.Spec) { s.CommonName = "www.example.test" }, want: WrongNames, says: "does not have the common name"},
		{name: "expired", change: func(d map[string]any) {
			d["certificate"] = with(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = noon.Add(-2*time.Hour), noon })
		}, want: NotValid, says: "expired at 2026-03-02T12:00:00Z"},
		{name: "not yet", change: func(d map[string]any) {
			d["certificate"] = with(func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = noon.Add(certinfo.Tolerance+time.Second), noon.Add(time.Hour)
			})
		}, want: NotValid, says: "is not valid before"},
		{name: "no lifetime", change: func(d map[string]any) {
			d["certificate"] = with(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = noon, noon })
		}, want: NotValid, says: "ends before it begins"},
		{name: "no CA", change: func(d map[string]any) { delete(d, "ca_chain"); delete(d, "issuing_ca") }, want: Unchained},
		{name: "another CA", change: func(d map[string]any) {
			d["issuing_ca"], d["ca_chain"] = pemOf(newRoot("Intermediate").cert), nil
		}, want: Unchained, says: `whose issuer is "CN=Intermediate"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := webSpec()
			data := map[string]any{"certificate": pemOf(good), "issuing_ca": pemOf(p.intermediate.cert), "ca_chain": []any{pemOf(p.root.cert)}}
			if tt.change != nil {
				tt.change(data)
			}
			if tt.spec != nil {
				tt.spec(&s)
			}
			_, err := ReadAnswer(s, request, data, noon)
			var refusal *AnswerError
			if !errors.As(err, &refusal) || refusal.Refusal != tt.want || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want refusal %d with %q", err, tt.want, tt.says)
			}
		})
	}
}

func TestVaultsKeyIsChecked(t *testing.T) {
	p := shared()
	pair := p.pairs["ec 256"]
	s := webSpec()
	s.Key.Type = certspec.Vault
	encrypted := "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
	for _, tt := range []struct {
		name, key string
		want      Refusal
	}{
		{"missing", "", Malformed},
		{"another's", keyPEM(t, newKey(), certspec.PKCS8), WrongKey},
		{"two", keyPEM(t, newKey(), certspec.PKCS8) + keyPEM(t, pair.Key.Signer(), certspec.SEC1), Malformed},
		{"encrypted", encrypted, Malformed},
		{"junk", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", Malformed},
		{"cut off", keyPEM(t, pair.Key.Signer(), certspec.PKCS8)[:90], Malformed},
	} {
		data := map[string]any{"certificate": pemOf(pair.Leaf), "issuing_ca": pemOf(p.intermediate.cert), "private_key": tt.key}
		_, err := ReadAnswer(s, Request{}, data, noon)
		var refusal *AnswerError
		if !errors.As(err, &refusal) || refusal.Refusal != tt.want {
			t.Errorf("%s: got %v, want refusal %d", tt.name, err, tt.want)
		}
		if len(tt.key) > 60 && err != nil && strings.Contains(err.Error(), tt.key[40:60]) {
			t.Errorf("%s: the error shows the key", tt.name)
		}
	}
}

// FuzzAnswer feeds the parser with what no Vault sends. Whatever is accepted has
// to have a leaf that its own chain signed, and to be read the same from the files
// that are made of it.
func FuzzAnswer(f *testing.F) {
	p := shared()
	pair := p.pairs["ec 256"]
	key := keyPEM(f, pair.Key.Signer(), certspec.PKCS8)
	f.Add(pemOf(pair.Leaf), pemOf(p.intermediate.cert), pemOf(p.root.cert), key)
	f.Add(key+pemOf(pair.Leaf, p.intermediate.cert), "", "\xef\xbb\xbf"+pemOf(p.root.cert, p.root.cert), "")
	f.Add(base64.StdEncoding.EncodeToString(pair.Leaf.Raw), "-----BEGIN ", "----------BEGIN CERTIFICATE-----", "x")
	s := webSpec()
	s.Key.Type = certspec.Vault
	f.Fuzz(func(t *testing.T, certificate, issuing, chain, key string) {
		data := map[string]any{"certificate": certificate, "issuing_ca": issuing, "ca_chain": []any{chain}, "private_key": key}
		got, err := ReadAnswer(s, Request{}, data, noon)
		if err != nil {
			var refusal *AnswerError
			if !errors.As(err, &refusal) {
				t.Fatalf("an error of another type: %v", err)
			}
			return
		}
		if !certinfo.Signed(got.Chain[0], got.Leaf) {
			t.Fatal("the leaf is not signed by the chain's first")
		}
		content, err := Output{Output: certspec.Output{Kind: certspec.Combined}}.Encode(got, nil)
		if err != nil {
			t.Fatal(err)
		}
		back, _, err := decoded(Output{Output: certspec.Output{Kind: certspec.Combined}}, content)
		if err != nil || !back.Leaf.Equal(got.Leaf) || !same(back.Key.Public(), got.Key.Public()) {
			t.Fatalf("read back: %v", err)
		}
	})
}
