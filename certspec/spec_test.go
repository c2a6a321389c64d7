// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certspec

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestValidateNamesTheField(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Spec)
		want   string // the beginnings of the errors
	}{
		{"nothing wrong", func(*Spec) {}, ""},
		{"everything that is allowed", func(s *Spec) {
			*s = Spec{
				Role: "team/a/pki/web-server_1.x", CommonName: "Müller & Söhne, web server", AltNames: []string{"bücher.example", "*.example.test", "a@example.test", "Host"},
				IPSANs: []string{"::1", "10.0.0.1"}, URISANs: []string{"spiffe://x/y,z"}, OtherSANs: []string{"1.3.6.1.4.1.311.20.2.3;UTF8:a;b:c,d"},
				NotAfter: "2030-01-31T00:00:00Z", Params: map[string]string{"user_ids": "a,b"}, Key: KeySpec{Type: RSA, Bits: 4096, Reuse: true},
			}
		}, ""},
		{"an address alone", func(s *Spec) { *s = Spec{Role: "pki/web", IPSANs: []string{"10.0.0.1"}} }, ""},
		{"no role", func(s *Spec) { s.Role = "" }, "role: is missing"},
		{"no mount", func(s *Spec) { s.Role = "web" }, `role: "web" is not of the form MOUNT/ROLE`},
		{"empty role", func(s *Spec) { s.Role = "pki/" }, "role: "},
		{"leading slash", func(s *Spec) { s.Role = "/pki/web" }, "role: "},
		{"way out of the mount", func(s *Spec) { s.Role = "pki/../sys/seal" }, "role: "},
		{"query", func(s *Spec) { s.Role = "pki/web?x" }, "role: "},
		{"no name at all", func(s *Spec) { *s = Spec{Role: "pki/web"} }, "common_name: is missing"},
		{"space around", func(s *Spec) { s.CommonName = " a" }, "common_name: "},
		{"line break", func(s *Spec) { s.CommonName = "a\nb" }, "common_name: "},
		{"two names in one", func(s *Spec) { s.AltNames = []string{"a.test,b.test"} }, `alt_names: "a.test,b.test" is neither`},
		{"what Vault leaves out", func(s *Spec) { s.AltNames = []string{"under_score.test"} }, "alt_names: "},
		{"empty name", func(s *Spec) { s.AltNames = []string{""} }, "alt_names: "},
		{"wildcard within", func(s *Spec) { s.AltNames = []string{"a.*.test"} }, "alt_names: "},
		{"label too long", func(s *Spec) { s.AltNames = []string{strings.Repeat("a", 64) + ".test"} }, "alt_names: "},
		{"e-mail not ASCII", func(s *Spec) { s.AltNames = []string{"ü@example.test"} }, "alt_names: "},
		{"address with a port", func(s *Spec) { s.IPSANs = []string{"10.0.0.1:443"} }, "ip_sans: "},
		{"address with a zone", func(s *Spec) { s.IPSANs = []string{"fe80::1%eth0"} }, "ip_sans: "},
		{"URI with a space", func(s *Spec) { s.URISANs = []string{"spiffe://a b"} }, "uri_sans: "},
		{"empty URI", func(s *Spec) { s.URISANs = []string{""} }, "uri_sans: "},
		{"other name without a kind", func(s *Spec) { s.OtherSANs = []string{"1.2.3;x"} }, "other_sans: "},
		{"other name of another kind", func(s *Spec) { s.OtherSANs = []string{"1.2.3;IA5:x"} }, "other_sans: "},
		{"other name without an OID", func(s *Spec) { s.OtherSANs = []string{"upn;UTF8:x"} }, "other_sans: "},
		{"negative ttl", func(s *Spec) { s.TTL = -time.Hour }, "ttl: "},
		{"ttl of a part of a second", func(s *Spec) { s.TTL = 1500 * time.Millisecond }, "ttl: "},
		{"ttl and not_after", func(s *Spec) { s.TTL, s.NotAfter = time.Hour, "2030-01-31T00:00:00Z" }, "not_after: "},
		{"not_after as a date", func(s *Spec) { s.NotAfter = "2030-01-31" }, "not_after: "},
		{"parameter with a field", func(s *Spec) { s.Params = map[string]string{"ttl": "1h"} }, "params.ttl: is a key of certificate"},
		{"parameter of the form", func(s *Spec) { s.Params = map[string]string{"format": "der"} }, "params.format: must not be set"},
		{"parameter without a name", func(s *Spec) { s.Params = map[string]string{"": "x"} }, "params.: is not the name of a parameter"},
		{"unknown type", func(s *Spec) { s.Key.Type = "dsa" }, "key.type: "},
		{"weak RSA", func(s *Spec) { s.Key = KeySpec{Type: RSA, Bits: 1024} }, `key.bits: 1024 is not a valid size for a key of type "rsa"`},
		{"P-224", func(s *Spec) { s.Key.Bits = 224 }, "key.bits: "},
		{"size of an Ed25519 key", func(s *Spec) { s.Key = KeySpec{Type: Ed25519, Bits: 256} }, "key.bits: "},
		{"size of Vault's key", func(s *Spec) { s.Key = KeySpec{Type: Vault, Bits: 256} }, "key.bits: "},
		{"reuse of Vault's key", func(s *Spec) { s.Key = KeySpec{Type: Vault, Reuse: true} }, "key.reuse: "},
		{"two at once", func(s *Spec) { s.Role, s.TTL = "", -1 }, "role: is missing|ttl: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := webSpec()
			tt.change(&s)
			got := s.Validate()
			var want []string
			if tt.want != "" {
				want = strings.Split(tt.want, "|")
			}
			if len(got) != len(want) {
				t.Fatalf("got %v, want %v", got, want)
			}
			for i := range want {
				if !strings.HasPrefix(got[i].Error(), want[i]) {
					t.Errorf("got %q, want it to begin with %q", got[i], want[i])
				}
			}
		})
	}
}

func webSpec() Spec {
	return Spec{Role: "pki/web", CommonName: "example.test", AltNames: []string{"www.example.test"}, IPSANs: []string{"127.0.0.1"}}
}

func TestIdentity(t *testing.T) {
	base := webSpec()
	base.TTL, base.Params = time.Hour, map[string]string{"a": "1", "b": "2"}
	for _, tt := range []struct {
		name   string
		change func(*Spec)
		same   bool
	}{
		{"nothing", func(*Spec) {}, true},
		{"order and case of names", func(s *Spec) { s.AltNames = []string{"WWW.example.test", "www.example.test"} }, true},
		{"common name once more", func(s *Spec) { s.AltNames = append(s.AltNames, "example.test") }, true},
		{"spelling of an address", func(s *Spec) { s.IPSANs = []string{"::ffff:127.0.0.1"} }, true},
		{"defaults spelled out", func(s *Spec) { s.Key = KeySpec{Type: EC, Bits: 256} }, true},
		{"reuse", func(s *Spec) { s.Key.Reuse = true }, true},
		{"role", func(s *Spec) { s.Role = "pki/api" }, false},
		{"mount", func(s *Spec) { s.Role = "pki2/web" }, false},
		{"common name", func(s *Spec) { s.CommonName = "www.example.test" }, false},
		{"one more name", func(s *Spec) { s.AltNames = append(s.AltNames, "api.example.test") }, false},
		{"one less name", func(s *Spec) { s.AltNames = nil }, false},
		{"URI", func(s *Spec) { s.URISANs = []string{"spiffe://a/b"} }, false},
		{"other name", func(s *Spec) { s.OtherSANs = []string{"1.2.3;UTF8:x"} }, false},
		{"ttl", func(s *Spec) { s.TTL += time.Second }, false},
		{"not_after", func(s *Spec) { s.NotAfter = "2030-01-31T00:00:00Z" }, false},
		{"common name not among the names", func(s *Spec) { s.ExcludeCNFromSANs = true }, false},
		{"parameter", func(s *Spec) { s.Params = map[string]string{"a": "1", "b": "3"} }, false},
		{"key type", func(s *Spec) { s.Key.Type = Ed25519 }, false},
		{"key size", func(s *Spec) { s.Key.Bits = 384 }, false},
		{"key by Vault", func(s *Spec) { s.Key.Type = Vault }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := base
			s.AltNames = append([]string(nil), base.AltNames...)
			tt.change(&s)
			if got := s.Identity() == base.Identity(); got != tt.same {
				t.Errorf("same identity: %t, want %t", got, tt.same)
			}
		})
	}
}

func TestIdentityOfNoParams(t *testing.T) {
	none, empty := webSpec(), webSpec()
	empty.Params = map[string]string{}
	if none.Identity() != empty.Identity() {
		t.Error("no parameters and none at all are two things")
	}
}

// TestIdentityIsStable holds the identity to what earlier versions wrote: another
// one makes every agent issue every certificate anew after an upgrade.
func TestIdentityIsStable(t *testing.T) {
	s := webSpec()
	s.OtherSANs, s.TTL, s.Params = []string{"1.2.3;UTF8:x"}, time.Hour, map[string]string{"b": "2", "a": "1"}
	const want = "5d889d1d8e63d4d8e6ce44d2dca4e07f45a62f3d5c7584c1f93bdc39c1220e82"
	if got := s.Identity(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRenew(t *testing.T) {
	for _, tt := range []struct {
		s    Renew
		want string
	}{
		{Renew{}, "[]"},
		{Renew{At: 0.5}, "[]"},
		{Renew{At: 1}, "[renew_at"},
		{Renew{At: -0.1}, "[renew_at"},
		{Renew{At: math.NaN()}, "[renew_at"},
		{Renew{Before: -1}, "[renew_before"},
		{Renew{At: 0.5, Before: 1}, "[renew_at"},
	} {
		if got := fmt.Sprint(tt.s.Validate()); len(got) < len(tt.want) || got[:len(tt.want)] != tt.want {
			t.Errorf("%+v: %s", tt.s, got)
		}
	}
}

func TestOutputsThatAreRefused(t *testing.T) {
	rsa, ec := KeySpec{Type: RSA}, KeySpec{}
	for _, c := range []struct {
		output Output
		key    KeySpec
		want   string
	}{
		{Output{Kind: "pem"}, ec, `files: "pem" is not a kind of file`},
		{Output{Kind: Key, Form: PKCS1}, ec, `key.format: PKCS1 is for keys of type "rsa"`},
		{Output{Kind: Key, Form: SEC1}, rsa, `key.format: SEC1 is for keys of type "ec"`},
		{Output{Kind: Combined, Form: SEC1}, KeySpec{Type: Ed25519}, "key.format: SEC1"},
		{Output{Kind: Key, Form: Modern}, ec, `key: unknown value "modern"`},
		{Output{Kind: Cert, Form: PKCS8}, ec, `cert: unknown value "pkcs8"`},
		{Output{Kind: PKCS12, Form: "1999"}, ec, `pkcs12: unknown value "1999"`},
		{Output{Kind: PKCS12, Alias: "x"}, ec, "jks_alias: has no effect"},
		{Output{Kind: JKS, Alias: "ü"}, ec, "jks_alias: has characters"},
		{Output{Kind: JKS, Alias: "a\n"}, ec, "jks_alias: has characters"},
		{Output{Kind: JKS, Alias: "web"}, ec, ""},
		{Output{Kind: Key, Form: PKCS1}, rsa, ""},
		{Output{Kind: Key, Form: SEC1}, ec, ""},
		{Output{Kind: Key, Form: PKCS1}, KeySpec{Type: Vault}, ""},
		{Output{Kind: Key, Form: SEC1}, KeySpec{Type: Vault}, ""},
	} {
		got := c.output.Validate(c.key)
		if (len(got) == 0) != (c.want == "") || len(got) > 1 || len(got) == 1 && !strings.HasPrefix(got[0].Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.output, got, c.want)
		}
	}
}

func TestKinds(t *testing.T) {
	var leaf, key, password []Kind
	for _, kind := range Kinds() {
		if kind.HoldsLeaf() {
			leaf = append(leaf, kind)
		}
		if kind.HoldsKey() {
			key = append(key, kind)
		}
		if kind.HasPassword() {
			password = append(password, kind)
		}
	}
	for _, c := range []struct{ got, want []Kind }{
		{leaf, []Kind{Cert, FullChain, Combined, PKCS12, JKS}},
		{key, []Kind{Key, Combined, PKCS12, JKS}},
		{password, []Kind{PKCS12, JKS, Truststore}},
		{Kinds(), []Kind{"cert", "fullchain", "chain", "ca", "key", "combined", "pkcs12", "jks", "truststore"}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
}

func TestDefaults(t *testing.T) {
	for got, want := range map[KeySpec]KeySpec{
		{}: {Type: EC, Bits: 256}, {Bits: 384}: {Type: EC, Bits: 384}, {Type: RSA}: {Type: RSA, Bits: 2048},
		{Type: Ed25519}: {Type: Ed25519}, {Type: Vault}: {Type: Vault}, {Reuse: true}: {Type: EC, Bits: 256, Reuse: true},
	} {
		if got.WithDefaults() != want {
			t.Errorf("%+v: %+v", got, got.WithDefaults())
		}
	}
	for got, want := range map[Output]Output{
		{Kind: Cert}: {Kind: Cert, Alias: "certificate"}, {Kind: Key}: {Kind: Key, Form: PKCS8, Alias: "certificate"},
		{Kind: JKS, Alias: "WEB"}: {Kind: JKS, Alias: "web"}, {Kind: Truststore}: {Kind: Truststore, Form: Java, Alias: "certificate"},
		{Kind: PKCS12, Form: Legacy}: {Kind: PKCS12, Form: Legacy, Alias: "certificate"},
	} {
		if got.WithDefaults() != want {
			t.Errorf("%+v: %+v", got, got.WithDefaults())
		}
	}
}

func TestPath(t *testing.T) {
	for want, s := range map[string]Spec{
		"pki/sign/web": {Role: "pki/web"}, "team/a/pki/sign/web": {Role: "team/a/pki/web"}, "pki/issue/web": {Role: "pki/web", Key: KeySpec{Type: Vault}},
	} {
		if got := s.Path(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A problem is shown with the value that its key has, or with a mask in its place.
func TestProblems(t *testing.T) {
	s := Spec{Role: "pki/web", AltNames: []string{"a.test", "b c"}}
	got := s.Validate()
	if len(got) != 1 || got[0].Key != "alt_names" || got[0].Value != "b c" || got[0].Index != 1 || got[0].Hint == "" || got[0].Conflict {
		t.Fatalf("got %+v", got)
	}
	if got := got[0].Message("***"); got != "*** is neither a host name nor an e-mail address" {
		t.Errorf("got %q", got)
	}
	s = Spec{Role: "pki/web", CommonName: "a", TTL: time.Hour, NotAfter: "2030-01-31T00:00:00Z", Key: KeySpec{Bits: 1, Reuse: true}}
	for _, p := range s.Validate() {
		if !p.Conflict {
			t.Errorf("%v is no conflict", p)
		}
	}
}
