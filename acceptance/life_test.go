// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package acceptance

import (
	"testing"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/internal/harness"
)

// TestRevocationReachesEverything checks that the revocation of a token also
// revokes its child and the certificate that was leased to the child.
func TestRevocationReachesEverything(t *testing.T) {
	harness.Each(t, func(t *testing.T, b harness.Backend) {
		ctx := t.Context()
		roles := map[string]seed.Params{"leased": {"allow_any_name": true, "generate_lease": true, "ttl": "1h"}}
		if _, err := (seed.PKI{Roles: roles}).Apply(ctx, b.Client); err != nil {
			t.Fatal(err)
		}
		rules := `path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }`
		if err := seed.Policy(ctx, b.Client, "all", rules); err != nil {
			t.Fatal(err)
		}
		parent, err := seed.Token(ctx, b.Client, seed.Params{"policies": []string{"all"}})
		if err != nil {
			t.Fatal(err)
		}
		child, err := seed.Token(ctx, b.NewClient(t, parent), nil)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := b.NewClient(t, child).Logical().WriteWithContext(ctx, "pki/issue/leased", seed.Params{"common_name": "a"})
		if err != nil {
			t.Fatal(err)
		}
		serial := secret.Data["serial_number"].(string)
		if at := revokedAt(t, b.Client, serial); at != "0" {
			t.Errorf("revoked at %s before anything was revoked", at)
		}
		if err := b.NewClient(t, parent).Auth().Token().RevokeSelfWithContext(ctx, ""); err != nil {
			t.Fatal(err)
		}
		for name, token := range map[string]string{"parent": parent, "child": child} {
			if _, err := b.NewClient(t, token).Auth().Token().LookupSelfWithContext(ctx); err == nil {
				t.Errorf("the %s is still valid", name)
			}
		}
		if at := revokedAt(t, b.Client, serial); at == "0" {
			t.Error("the certificate was not revoked with its lease")
		}
	})
}

func revokedAt(t *testing.T, c *api.Client, serial string) string {
	t.Helper()
	secret, err := c.Logical().ReadWithContext(t.Context(), "pki/cert/"+serial)
	if err != nil {
		t.Fatal(err)
	}
	return secret.Data["revocation_time"].(interface{ String() string }).String()
}

// TestSeeds calls the functions of package seed as tests and demonstrations do.
func TestSeeds(t *testing.T) {
	harness.Each(t, func(t *testing.T, b harness.Backend) {
		ctx := t.Context()
		rules := `path "secret/data/app" { capabilities = ["read"] }
path "kv/app" { capabilities = ["read"] }`
		if err := seed.Policy(ctx, b.Client, "app", rules); err != nil {
			t.Fatal(err)
		}
		for mount, version := range map[string]int{"secret": 2, "kv": 1} {
			if err := seed.KV(ctx, b.Client, mount, version, map[string]seed.Params{"app": {"password": "p"}}); err != nil {
				t.Fatal(err)
			}
		}
		role := seed.AppRole{Role: "app", Params: seed.Params{"token_policies": "app"}}
		credentials, err := role.Apply(ctx, b.Client)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := role.Apply(ctx, b.Client); err != nil {
			t.Errorf("applying a second time: %v", err)
		}
		c := b.NewClient(t, "")
		login := func(secretID string) *api.Secret {
			secret, err := c.Logical().WriteWithContext(ctx, "auth/approle/login", seed.Params{"role_id": credentials.RoleID, "secret_id": secretID})
			if err != nil {
				t.Fatal(err)
			}
			return secret
		}
		c.SetToken(login(string(credentials.SecretID)).Auth.ClientToken)
		for path, field := range map[string]string{"secret/data/app": "data", "kv/app": "password"} {
			secret, err := c.Logical().ReadWithContext(ctx, path)
			if err != nil || secret.Data[field] == nil {
				t.Errorf("reading %s: %v, %v", path, secret, err)
			}
		}
		token, path, err := role.WrappedSecretID(ctx, b.Client, 60e9)
		if err != nil {
			t.Fatal(err)
		}
		if path != "auth/approle/role/app/secret-id" {
			t.Errorf("wrapped at %s", path)
		}
		unwrapped, err := b.NewClient(t, string(token)).Logical().UnwrapWithContext(ctx, "")
		if err != nil {
			t.Fatal(err)
		}
		login(unwrapped.Data["secret_id"].(string))
		if err := seed.UserPass(ctx, b.Client, "userpass", "anna", "p", nil); err != nil {
			t.Fatal(err)
		}
		if err := seed.TokenRole(ctx, b.Client, "api", seed.Params{"period": "30s"}); err != nil {
			t.Fatal(err)
		}
	})
}
