// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/certspec"
)

func TestCertificate(t *testing.T) {
	t.Parallel()
	key := func(k certspec.KeySpec, form certspec.Form) func(*config.Certificate) {
		return func(c *config.Certificate) { c.Key, c.Files[1].Form = k, form }
	}
	tests := map[string]struct {
		keys string
		want func(*config.Certificate)
	}{
		"names": {`
			alt_names            = ["www.example.test", "*.a.example.test", "hostmaster@example.test", "bücher.test"]
			ip_sans              = ["127.0.0.1", "::1"]
			uri_sans             = ["spiffe://example.test/web,1"]
			other_sans           = ["1.3.6.1.4.1.311.20.2.3;UTF8:web@example.test"]
			exclude_cn_from_sans = true`, func(c *config.Certificate) {
			c.AltNames = []string{"www.example.test", "*.a.example.test", "hostmaster@example.test", "bücher.test"}
			c.IPSANs, c.URISANs = []string{"127.0.0.1", "::1"}, []string{"spiffe://example.test/web,1"}
			c.OtherSANs, c.ExcludeCNFromSANs = []string{"1.3.6.1.4.1.311.20.2.3;UTF8:web@example.test"}, true
		}},
		"names with commas": {`alt_names = "a.test, b.test"`, func(c *config.Certificate) { c.AltNames = []string{"a.test", "b.test"} }},
		"ttl":               {`ttl = "72h"`, func(c *config.Certificate) { c.TTL = 72 * time.Hour }},
		"ttl in days":       {`ttl = "30d"`, func(c *config.Certificate) { c.TTL = 30 * 24 * time.Hour }},
		"ttl in seconds":    {`ttl = 3600`, func(c *config.Certificate) { c.TTL = time.Hour }},
		"not_after":         {`not_after = "2030-01-31T00:00:00Z"`, func(c *config.Certificate) { c.NotAfter = "2030-01-31T00:00:00Z" }},
		"shorter renewal":   {"ttl = \"72h\"\n renew_before = \"71h\"", func(c *config.Certificate) { c.TTL, c.Renew.Before = 72*time.Hour, 71*time.Hour }},
		"params": {`params = { User_IDs = ["a", "b"], remove_roots_from_chain = true, n = 0x10, serial_number = "7" }`, func(c *config.Certificate) {
			c.Params = map[string]string{"User_IDs": "a,b", "remove_roots_from_chain": "true", "n": "0x10", "serial_number": "7"}
		}},
		"key, local":        {`key = "local"`, func(*config.Certificate) {}},
		"key, vault":        {`key = "vault"`, key(certspec.KeySpec{Type: "vault"}, "pkcs8")},
		"key, vault's form": {`key = { type = "vault", format = "sec1" }`, key(certspec.KeySpec{Type: "vault"}, "sec1")},
		"key, ec":           {`key = { bits = 384, format = "sec1", reuse = true }`, key(certspec.KeySpec{Type: "ec", Bits: 384, Reuse: true}, "sec1")},
		"key, rsa":          {`key = { type = "rsa", format = "pkcs1" }`, key(certspec.KeySpec{Type: "rsa", Bits: 2048}, "pkcs1")},
		"key, ed25519":      {"key {\n type = \"ed25519\"\n }", key(certspec.KeySpec{Type: "ed25519"}, "pkcs8")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := load(t, inBundle(strings.TrimSuffix(aCertificate, "}\n")+test.keys+"\n}"), config.Overrides{})
			want := defaultCertificate()
			test.want(want)
			if diff := cmp.Diff(want, c.Bundles[0].Members[0].Certificate, noPos); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFilesOfCertificates(t *testing.T) {
	t.Parallel()
	const all = `files = { truststore = "t", cert = "c", fullchain = "f", chain = "h", ca = "a", key = "k", combined = "b", pkcs12 = "p", jks = "j" }`
	file := func(kind certspec.Kind, destination string, form certspec.Form, perms fs.FileMode) config.File {
		return config.File{Output: certspec.Output{Kind: kind, Form: form}, Destination: destination, Perms: perms}
	}
	want := func(store, pkcs12 certspec.Form, alias string) []config.File {
		jks := file(certspec.JKS, "j", "", 0o600)
		jks.Alias = alias
		return []config.File{
			file(certspec.Truststore, "t", store, 0o644), file(certspec.Cert, "c", "", 0o644),
			file(certspec.FullChain, "f", "", 0o644), file(certspec.Chain, "h", "", 0o644),
			file(certspec.CA, "a", "", 0o644), file(certspec.Key, "k", "pkcs8", 0o600),
			file(certspec.Combined, "b", "pkcs8", 0o600), file(certspec.PKCS12, "p", pkcs12, 0o600), jks,
		}
	}
	tests := map[string]struct {
		keys     string
		want     []config.File
		password config.Password
	}{
		"defaults": {`password = { file = "/p" }`, want("jks", "modern", ""), config.Password{File: "/p"}},
		"legacy": {"pkcs12_profile = \"legacy\"\n password = { secret = \"kv/a#b#c\" }", want("jks", "legacy", ""),
			config.Password{SecretPath: "kv/a#b", SecretField: "c"}},
		"one format": {"truststore_format = \"pkcs12\"\n jks_alias = \"web\"\n password {\n file = \"/p\"\n }", want("modern", "modern", "web"),
			config.Password{File: "/p"}},
		"one old format": {"truststore_format = \"pkcs12\"\n pkcs12_profile = \"legacy\"\n password = { file = \"/p\" }", want("legacy", "legacy", ""),
			config.Password{File: "/p"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := load(t, inBundle("certificate {\n role = \"pki/web\"\n common_name = \"a.test\"\n"+all+"\n"+test.keys+"\n}"), config.Overrides{})
			got := c.Bundles[0].Members[0].Certificate
			if diff := cmp.Diff(test.want, got.Files, noPos); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(&test.password, got.Password, noPos); diff != "" {
				t.Errorf("password (-want +got):\n%s", diff)
			}
		})
	}
}

// No message shows a value from the environment, which may be a secret.
func TestNamesFromTheEnvironment(t *testing.T) {
	t.Parallel()
	content := inBundle(strings.NewReplacer(`"pki/web"`, `env("SECRET")`, `"example.test"`, "\"a.test\"\n alt_names = [env(\"SECRET\")]\n ip_sans = env(\"SECRET\")").
		Replace(aCertificate) + "verify {\n address = [env(\"SECRET\")]\n }\n window = env(\"SECRET\")")
	_, problems := config.Load([]string{write(t, map[string]string{"a.hcl": content})}, config.Overrides{LookupEnv: env{"SECRET": "s3 cret"}.lookup})
	if len(problems) != 5 || strings.Contains(problems.Error(), "s3") {
		t.Errorf("%d problems:\n%v", len(problems), problems)
	}
}
