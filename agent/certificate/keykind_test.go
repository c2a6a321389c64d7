// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/certspec"
	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/internal/harness"
)

// refusal asks a server for a certificate, and returns why it refuses; "" if it does not.
func refusal(t *testing.T, b harness.Backend, s certspec.Spec) string {
	t.Helper()
	r, err := NewRequest(s, PrivateKey{})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := b.Client.Logical().WriteWithContext(t.Context(), r.Path, r.Params)
	if err != nil {
		return err.Error()
	}
	if _, err := ReadAnswer(s, r, secret.Data, time.Now()); err != nil {
		t.Fatal(err)
	}
	return ""
}

// TestRequiredKey finds out from a server's reasons which key a role requires.
func TestRequiredKey(t *testing.T) {
	harness.Each(t, func(t *testing.T, b harness.Backend) {
		wanted := map[string]certspec.KeySpec{
			"default": {Type: certspec.RSA, Bits: 2048}, "rsa-3072": {Type: certspec.RSA, Bits: 3072}, "rsa-4096": {Type: certspec.RSA, Bits: 4096},
			"ec-256": {Type: certspec.EC, Bits: 256}, "ec-384": {Type: certspec.EC, Bits: 384}, "ec-521": {Type: certspec.EC, Bits: 521},
			"ed25519": {Type: certspec.Ed25519}, "any": {Type: certspec.EC, Bits: 256},
		}
		roles := map[string]seed.Params{}
		for name, k := range wanted {
			roles[name] = seed.Params{"allow_any_name": true, "key_type": string(k.Type), "key_bits": k.Bits}
		}
		roles["default"] = seed.Params{"allow_any_name": true, "key_type": "rsa", "key_bits": 2048} // as Vault makes it
		roles["any"] = seed.Params{"allow_any_name": true, "key_type": "any", "key_bits": 0}
		if _, err := (seed.PKI{Mount: "pki", Roles: roles}).Apply(t.Context(), b.Client); err != nil {
			t.Fatal(err)
		}
		for role, want := range wanted {
			s := certspec.Spec{Role: "pki/" + role, CommonName: "example.test"}
			kind := certspec.KeySpec{}.WithDefaults()
			for tries := 1; ; tries++ {
				s.Key = kind
				reason := refusal(t, b, s)
				if reason == "" {
					break
				}
				required, ok := RequiredKey(reason, kind)
				if !ok || tries > 2 {
					t.Fatalf("%s: after %d tries: %s", role, tries, reason)
				}
				if hint := Hint(s, reason); !strings.Contains(hint, KeyLine(required)) {
					t.Errorf("%s: hint %q", role, hint)
				}
				kind = required
			}
			if kind != want {
				t.Errorf("%s: asked with %v, want %v", role, kind, want)
			}
		}
	})
}

// TestHintsOnAServer has the frequent reasons of a server for refusing a certificate.
func TestHintsOnAServer(t *testing.T) {
	harness.Each(t, func(t *testing.T, b harness.Backend) {
		ec := func(p seed.Params) seed.Params {
			p["key_type"], p["key_bits"] = "ec", 256
			return p
		}
		_, err := seed.PKI{Mount: "pki", Roles: map[string]seed.Params{
			"web":    ec(seed.Params{"allowed_domains": "example.test", "allow_subdomains": true, "allow_ip_sans": false, "max_ttl": "87600h", "ttl": "1h"}),
			"any":    {"allowed_domains": "example.test", "allow_subdomains": true, "key_type": "any", "key_bits": 0},
			"issuer": ec(seed.Params{"allow_any_name": true, "issuer_ref": "nobody"}),
		}}.Apply(t.Context(), b.Client)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name, want string
			spec       certspec.Spec
		}{
			{"common name", "the role's allowed_domains, allow_subdomains or allow_bare_domains do not cover www.evil.test: vault read pki/roles/web",
				certspec.Spec{Role: "pki/web", CommonName: "www.evil.test"}},
			{"alternative name", "the role's allowed_domains, allow_subdomains or allow_bare_domains do not cover www.evil.test: ", certspec.Spec{Role: "pki/web", CommonName: "a.example.test", AltNames: []string{"www.evil.test"}}},
			{"mail", "the role's allowed_domains, allow_subdomains or allow_bare_domains do not cover a@evil.test: ", certspec.Spec{Role: "pki/web", CommonName: "a.example.test", AltNames: []string{"a@evil.test"}}},
			{"role", "there is no role absent at pki: vault list pki/roles shows the roles", certspec.Spec{Role: "pki/absent", CommonName: "a.example.test"}},
			{"IP", "set allow_ip_sans=true on the role (vault read pki/roles/web), or remove ip_sans", certspec.Spec{Role: "pki/web", CommonName: "a.example.test", IPSANs: []string{"127.0.0.1"}}},
			{"URI", "the role's allowed_uri_sans do not cover uri_sans", certspec.Spec{Role: "pki/web", CommonName: "a.example.test", URISANs: []string{"spiffe://x/a"}}},
			{"other name", "the role's allowed_other_sans do not cover other_sans", certspec.Spec{Role: "pki/web", CommonName: "a.example.test", OtherSANs: []string{"1.3.6.1.4.1.311.20.2.3;UTF8:x"}}},
			{"lifetime", "the CA ends before the certificate would", certspec.Spec{Role: "pki/web", CommonName: "a.example.test", TTL: 80000 * time.Hour}},
			{"key by Vault", `remove key = "vault"`, certspec.Spec{Role: "pki/any", CommonName: "a.example.test", Key: certspec.KeySpec{Type: certspec.Vault}}},
			{"mount", "there is no PKI secrets engine at nowhere", certspec.Spec{Role: "nowhere/web", CommonName: "a.example.test"}},
		} {
			reason := refusal(t, b, c.spec)
			if hint := Hint(c.spec, reason); reason == "" || !strings.Contains(hint, c.want) {
				t.Errorf("%s\nreason %s\nhint   %s\nwant   %s", c.name, reason, hint, c.want)
			}
		}
		if err := b.Client.Sys().MountWithContext(t.Context(), "empty", &api.MountInput{Type: "pki"}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Client.Logical().WriteWithContext(t.Context(), "empty/roles/web", map[string]any{"allow_any_name": true, "key_type": "ec", "key_bits": 256}); err != nil {
			t.Fatal(err)
		}
		s := certspec.Spec{Role: "empty/web", CommonName: "a.example.test"}
		if reason := refusal(t, b, s); !strings.Contains(Hint(s, reason), "empty has no CA") {
			t.Errorf("no CA: %s: hint %q", reason, Hint(s, reason))
		}
	})
}
