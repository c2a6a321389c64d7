// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/certspec"
	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/internal/harness"
)

// answer asks a server and returns its answer.
func answer(t *testing.T, b harness.Backend, s certspec.Spec, held PrivateKey) (Pair, error) {
	t.Helper()
	if problems := s.Validate(); len(problems) > 0 {
		t.Fatal(problems)
	}
	r, err := NewRequest(s, held)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := json.Marshal(r.Params); err != nil || strings.Contains(string(body), "PRIVATE") {
		t.Fatalf("the request holds a private key, or: %v", err)
	}
	secret, err := b.Client.Logical().WriteWithContext(t.Context(), r.Path, r.Params)
	if err != nil {
		t.Fatalf("%s: %v", r.Path, err)
	}
	return ReadAnswer(s, r, secret.Data, time.Now())
}

// everyName asks for names of each kind that the dev server makes, too.
func everyName() certspec.Spec {
	return certspec.Spec{
		CommonName: "bücher.example", AltNames: []string{"www.example.test", "*.Example.test", "müller.example", "a@example.test"},
		IPSANs: []string{"10.0.0.1", "::1"}, URISANs: []string{"spiffe://x/a,b"}, TTL: time.Hour,
	}
}

func TestOnAServer(t *testing.T) {
	harness.Each(t, func(t *testing.T, b harness.Backend) {
		any := seed.Params{
			"allow_any_name": true, "key_type": "any", "key_bits": 0, "allowed_uri_sans": "*", "allowed_other_sans": "1.3.6.1.4.1.311.20.2.3;UTF8:*",
		}
		free := seed.Params{"allow_any_name": true, "enforce_hostnames": false, "cn_validations": "disabled"}
		roles := map[string]seed.Params{"free": free, "issue": {"allow_any_name": true, "allowed_uri_sans": "*"}}
		for _, cn := range []bool{true, false} {
			for _, sans := range []bool{true, false} {
				role := seed.Params{"use_csr_common_name": cn, "use_csr_sans": sans}
				for name, value := range any {
					role[name] = value
				}
				roles[fmt.Sprintf("sign-%t-%t", cn, sans)] = role
			}
		}
		ca, err := seed.PKI{Mount: "team/pki", Roles: roles}.Apply(t.Context(), b.Client)
		if err != nil {
			t.Fatal(err)
		}
		for role := range roles {
			if role == "free" {
				continue
			}
			t.Run(role, func(t *testing.T) {
				s := everyName()
				s.Role = "team/pki/" + role
				if role == "issue" {
					s.Key.Type = certspec.Vault
				}
				p, err := answer(t, b, s, PrivateKey{})
				if err != nil {
					t.Fatal(err)
				}
				if pemOf(p.Chain...) != strings.TrimSpace(ca)+"\n" {
					t.Errorf("%d CAs", len(p.Chain))
				}
				excluded := s
				excluded.ExcludeCNFromSANs = true
				if p, err = answer(t, b, excluded, PrivateKey{}); err != nil {
					t.Fatal(err)
				}
				if strings.Contains(strings.Join(p.Leaf.DNSNames, " "), "xn--bcher") {
					t.Errorf("the common name is among %v", p.Leaf.DNSNames)
				}
			})
		}
		for _, key := range []certspec.KeySpec{{}, {Bits: 384}, {Bits: 521}, {Type: certspec.RSA}, {Type: certspec.RSA, Bits: 3072}, {Type: certspec.Ed25519}} {
			t.Run(describe(key.WithDefaults().Type, key.WithDefaults().Bits), func(t *testing.T) {
				s := certspec.Spec{Role: "team/pki/sign-true-true", CommonName: "example.test", Key: key}
				s.Key.Reuse = true
				first, err := answer(t, b, s, PrivateKey{})
				if err != nil {
					t.Fatal(err)
				}
				second, err := answer(t, b, s, first.Key)
				if err != nil {
					t.Fatal(err)
				}
				if !same(first.Leaf.PublicKey, second.Leaf.PublicKey) || first.Leaf.Equal(second.Leaf) {
					t.Error("the key was not reused for another certificate")
				}
			})
		}
		t.Run("not after", func(t *testing.T) {
			end := time.Now().Add(2 * time.Hour).UTC().Truncate(time.Second)
			p, err := answer(t, b, certspec.Spec{Role: "team/pki/sign-true-true", CommonName: "example.test", NotAfter: end.Format(time.RFC3339)}, PrivateKey{})
			if err != nil || !p.Leaf.NotAfter.Equal(end) {
				t.Errorf("got %v", err)
			}
		})
		t.Run("a name that is no host name", func(t *testing.T) {
			p, err := answer(t, b, certspec.Spec{Role: "team/pki/free", CommonName: "Web Server 3", IPSANs: []string{"127.0.0.1"}}, PrivateKey{})
			if err != nil || len(p.Leaf.DNSNames) > 0 {
				t.Errorf("got %v, names %v", err, p.Leaf.DNSNames)
			}
		})
		t.Run("formats", func(t *testing.T) {
			for _, format := range []string{"pem", "der", "pem_bundle"} {
				for _, key := range []certspec.KeyType{certspec.EC, certspec.Vault} {
					s := certspec.Spec{Role: "team/pki/issue", CommonName: "example.test", Key: certspec.KeySpec{Type: key}}
					r := asked(t, s)
					r.Params["format"] = format
					secret, err := b.Client.Logical().WriteWithContext(t.Context(), r.Path, r.Params)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := ReadAnswer(s, r, secret.Data, time.Now()); err != nil {
						t.Errorf("%s, key %s: %v", format, key, err)
					}
				}
			}
		})
		t.Run("other names", func(t *testing.T) {
			if b.Dev != nil {
				t.Skip("the dev server does not make them")
			}
			for _, role := range []string{"sign-true-true", "sign-false-false"} {
				s := certspec.Spec{Role: "team/pki/" + role, CommonName: "example.test", OtherSANs: []string{"1.3.6.1.4.1.311.20.2.3;UTF8:a@b"}}
				if _, err := answer(t, b, s, PrivateKey{}); err != nil {
					t.Errorf("%s: %v", role, err)
				}
			}
		})
		t.Run("chain of an intermediate", func(t *testing.T) { testIntermediate(t, b) })
		t.Run("an answer to something else", func(t *testing.T) {
			s := certspec.Spec{Role: "team/pki/issue", CommonName: "example.test"}
			one, two := asked(t, s), asked(t, s)
			secret, err := b.Client.Logical().WriteWithContext(t.Context(), one.Path, one.Params)
			if err != nil {
				t.Fatal(err)
			}
			var refusal *AnswerError
			if _, err := ReadAnswer(s, two, secret.Data, time.Now()); !errors.As(err, &refusal) || refusal.Refusal != WrongKey {
				t.Errorf("got %v", err)
			}
		})
	})
}

// testIntermediate has a mount below another one, with and without its root.
func testIntermediate(t *testing.T, b harness.Backend) {
	write := func(path string, params seed.Params) map[string]any {
		t.Helper()
		secret, err := b.Client.Logical().WriteWithContext(t.Context(), path, params)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if secret == nil {
			return nil
		}
		return secret.Data
	}
	root, err := seed.PKI{Mount: "root", CommonName: "Root"}.Apply(t.Context(), b.Client)
	if err != nil {
		t.Fatal(err)
	}
	if err := seed.Engine(t.Context(), b.Client, "int", "pki", seed.Params{"config": seed.Params{"max_lease_ttl": "1000h"}}); err != nil {
		t.Fatal(err)
	}
	csr := write("int/intermediate/generate/internal", seed.Params{"common_name": "Intermediate", "key_type": "ec"})["csr"]
	signed := write("root/root/sign-intermediate", seed.Params{"csr": csr, "common_name": "Intermediate", "ttl": "900h"})["certificate"].(string)
	write("int/intermediate/set-signed", seed.Params{"certificate": signed})
	write("int/roles/web", seed.Params{"allow_any_name": true, "key_type": "ec"})

	s := certspec.Spec{Role: "int/web", CommonName: "example.test"}
	p, err := answer(t, b, s, PrivateKey{})
	if err != nil {
		t.Fatal(err)
	}
	if got := pemOf(p.Chain...); got != strings.TrimSpace(signed)+"\n" {
		t.Errorf("without the root: %d CAs", len(p.Chain))
	}
	write("int/issuers/import/cert", seed.Params{"pem_bundle": root})
	if p, err = answer(t, b, s, PrivateKey{}); err != nil {
		t.Fatal(err)
	}
	if got, want := pemOf(p.Chain...), strings.TrimSpace(signed)+"\n"+strings.TrimSpace(root)+"\n"; got != want {
		t.Errorf("with the root: %d CAs", len(p.Chain))
	}
	if got := string(encode(t, Output{Output: certspec.Output{Kind: certspec.FullChain}}, p, nil)); got != pemOf(p.Leaf)+strings.TrimSpace(signed)+"\n" {
		t.Error("the root is sent")
	}
}
