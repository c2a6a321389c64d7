// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package vaultreq_test

import (
	"slices"
	"testing"

	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/vaultreq"
)

func TestSecretsIn(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]redact.Secret{
		`{"role_id":"a","secret_id":"b"}`:                       {"a", "b"},
		`{"role":"web","jwt":"j"}`:                              {"j"},
		`{"common_name":"x.test","ttl":"1h","csr":"PEM"}`:       {},
		`{"data":{"password":"p","list":["q",{"deep":"r"}]}}`:   {"p", "q", "r"},
		`{"token":"t","name":["n"],"number":12,"nothing":null}`: {"t"},
		`not JSON`: {}, ``: {},
	} {
		got := vaultreq.SecretsIn([]byte(body))
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q", body, asText(got))
		}
	}
}

func asText(secrets []redact.Secret) []string {
	var texts []string
	for _, s := range secrets {
		texts = append(texts, string(s))
	}
	return texts
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"auth/approle/login": true, "auth/a/b/login": true, "auth/userpass/login/me": true, "/sys/wrapping/unwrap": true,
		"auth/token/renew-self": false, "secret/data/login": false, "pki/issue/web": false,
	} {
		if got := vaultreq.Credentials(path); got != want {
			t.Errorf("%s: got %t", path, got)
		}
	}
}
