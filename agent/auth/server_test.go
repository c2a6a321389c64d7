// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/agent/auth"
	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/settings"
)

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func write(t *testing.T, name string, content redact.Secret) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// login checks that a method yields a token that works.
func login(t *testing.T, b harness.Backend, m auth.Method) *api.Secret {
	t.Helper()
	secret, err := m.Login(t.Context(), b.NewClient(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.NewClient(t, secret.Auth.ClientToken).Auth().Token().LookupSelf(); err != nil {
		t.Errorf("the token does not work: %v", err)
	}
	return secret
}

// refused checks that the server does not take a method's credentials, that the
// failure says what to do, and that it shows no credential.
func refused(t *testing.T, b harness.Backend, m auth.Method, secrets ...redact.Secret) {
	t.Helper()
	_, err := m.Login(t.Context(), b.NewClient(t, ""))
	var failure *auth.Failure
	if !errors.As(err, &failure) || failure.Kind != auth.Refused || failure.Hint == "" {
		t.Fatalf("got %#v, want a refusal with a hint", err)
	}
	for _, secret := range secrets {
		if secret != "" && strings.Contains(err.Error()+failure.Hint, string(secret)) {
			t.Errorf("the failure shows a credential: %v", err)
		}
	}
}

// TestMethods against the dev server and a real Vault.
func TestMethods(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, b harness.Backend) {
		role := seed.AppRole{Role: "web", Params: seed.Params{"token_ttl": "1h", "secret_id_num_uses": 1}}
		credentials := must(role.Apply(t.Context(), b.Client))(t)
		roleFile := write(t, "role", redact.Secret(credentials.RoleID))

		t.Run("approle", func(t *testing.T) {
			m := &auth.AppRole{AppRole: settings.AppRole{RoleIDFile: roleFile, SecretIDFile: write(t, "secret", credentials.SecretID), RemoveSecretIDFile: true}}
			if secret := login(t, b, m); secret.Auth.LeaseDuration != 3600 || !secret.Auth.Renewable {
				t.Errorf("got a lease of %d s, renewable %t", secret.Auth.LeaseDuration, secret.Auth.Renewable)
			}
			refused(t, b, m, credentials.SecretID) // it could be used once
			next := must(role.SecretID(t.Context(), b.Client, nil))(t)
			if err := os.WriteFile(m.SecretIDFile, []byte(next), 0o600); err != nil {
				t.Fatal(err)
			}
			login(t, b, m)
		})
		t.Run("wrapped secret id", func(t *testing.T) {
			token, path, err := role.WrappedSecretID(t.Context(), b.Client, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			file := write(t, "wrapped", token)
			elsewhere := &auth.AppRole{AppRole: settings.AppRole{RoleIDFile: roleFile, SecretIDFile: file, WrappingPath: "auth/approle/role/db/secret-id"}}
			refused(t, b, elsewhere, token)
			// The refusal must not have used it up.
			login(t, b, &auth.AppRole{AppRole: settings.AppRole{RoleIDFile: roleFile, SecretIDFile: file, WrappingPath: path}})
			refused(t, b, &auth.AppRole{AppRole: settings.AppRole{RoleIDFile: roleFile, SecretIDFile: file, WrappingPath: path}}, token)
		})
		t.Run("jwt", func(t *testing.T) {
			signer := must(seed.JWT{Role: "web", Params: seed.Params{"bound_subject": "host"}}.Apply(t.Context(), b.Client))(t)
			sign := func(expires time.Time) redact.Secret {
				return redact.Secret(must(signer.Sign(map[string]any{
					"sub": "host", "iat": expires.Add(-2 * time.Hour).Unix(), "exp": expires.Unix(),
				}))(t))
			}
			login(t, b, &auth.JWT{JWT: settings.JWT{Path: write(t, "jwt", sign(time.Now().Add(time.Hour))+"\n"), Role: "web", RemoveAfterReading: true}})
			expired := sign(time.Now().Add(-time.Hour))
			refused(t, b, &auth.JWT{JWT: settings.JWT{Path: write(t, "jwt", expired), Role: "web"}}, expired)
			refused(t, b, &auth.JWT{JWT: settings.JWT{Path: write(t, "jwt", expired), Role: "nobody"}}, expired)
		})
		t.Run("token file", func(t *testing.T) {
			token := redact.Secret(must(seed.Token(t.Context(), b.Client, seed.Params{"ttl": "10m"}))(t))
			m := &auth.TokenFile{TokenFile: settings.TokenFile{Path: write(t, "token", token+"\n")}}
			secret := login(t, b, m)
			if lease := secret.Auth.LeaseDuration; lease < 590 || lease > 600 || !secret.Auth.Renewable {
				t.Errorf("got a lease of %d s, renewable %t", lease, secret.Auth.Renewable)
			}
			if err := b.NewClient(t, string(token)).Auth().Token().RevokeSelf(""); err != nil {
				t.Fatal(err)
			}
			refused(t, b, m, token)
			root := login(t, b, &auth.TokenFile{TokenFile: settings.TokenFile{Path: write(t, "root", b.RootToken)}})
			if root.Auth.LeaseDuration != 0 {
				t.Errorf("a root token has a lease of %d s", root.Auth.LeaseDuration)
			}
		})
		t.Run("no such mount", func(t *testing.T) {
			m := &auth.AppRole{AppRole: settings.AppRole{RoleIDFile: roleFile}, MountPath: "auth/nowhere"}
			_, err := m.Login(t.Context(), b.NewClient(t, ""))
			var failure *auth.Failure
			if !errors.As(err, &failure) || !strings.Contains(failure.Hint, "mount_path") {
				t.Errorf("got %#v, want a failure that speaks of mount_path", err)
			}
		})
		t.Run("wrapped token for a sink", func(t *testing.T) {
			token := redact.Secret(must(seed.Token(t.Context(), b.Client, seed.Params{"ttl": "10m"}))(t))
			wrapped := must(auth.Wrap(t.Context(), b.NewClient(t, ""), token, time.Minute))(t)
			var info api.SecretWrapInfo
			if err := json.Unmarshal(wrapped, &info); err != nil || info.TTL != 60 || info.CreationPath != "sys/wrapping/wrap" {
				t.Fatalf("got %+v, %v", info, err)
			}
			secret := must(b.NewClient(t, info.Token).Logical().Unwrap(""))(t)
			if got := secret.Data["token"]; got != string(token) {
				t.Error("the wrapping holds another token")
			}
		})
	})
}

// TestCertMethod against the dev server and a real Vault.
func TestCertMethod(t *testing.T) {
	t.Parallel()
	harness.EachWith(t, harness.ServerOptions{TLS: true}, func(t *testing.T, b harness.Backend) {
		ca := must(seed.PKI{Roles: map[string]seed.Params{
			"web": {"allow_any_name": true, "key_type": "ec", "key_bits": 256},
		}}.Apply(t.Context(), b.Client))(t)
		pair := must(seed.Issue(t.Context(), b.Client, "pki/issue/web", seed.Params{"common_name": "agent.test", "ttl": "1h"}))(t)
		if err := seed.CertLogin(t.Context(), b.Client, "cert", "agents", ca, nil); err != nil {
			t.Fatal(err)
		}
		shown := must(tls.X509KeyPair([]byte(pair.Cert), []byte(pair.Key)))(t)

		for _, role := range []string{"", "agents"} {
			m := &auth.Cert{Cert: settings.Cert{Name: role}}
			secret, err := m.Login(t.Context(), b.NewClientWith(t, "", &shown))
			if err != nil || secret.Auth == nil || secret.Auth.ClientToken == "" {
				t.Errorf("role %q: %v", role, err)
			}
		}
		refused(t, b, &auth.Cert{Cert: settings.Cert{Name: "agents"}}, pair.Key)
	})
}
