// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth_test

import (
	"context"
	"testing"

	"github.com/certagent/certagent/agent/auth"
	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/settings"
)

// A loop revokes its own token, on the dev server and on a real Vault, and leaves the
// token of a token file alone.
func TestRevokeSelf(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, b harness.Backend) {
		role := seed.AppRole{Role: "revoked", Params: seed.Params{"token_ttl": "1h"}}
		credentials := must(role.Apply(t.Context(), b.Client))(t)
		given := must(seed.Token(t.Context(), b.Client, seed.Params{"ttl": "10m"}))(t)
		for name, test := range map[string]struct {
			method  auth.Method
			revoked bool
		}{
			"approle": {&auth.AppRole{AppRole: settings.AppRole{
				RoleIDFile: write(t, "role", redact.Secret(credentials.RoleID)), SecretIDFile: write(t, "secret", credentials.SecretID),
			}}, true},
			"token_file": {&auth.TokenFile{TokenFile: settings.TokenFile{Path: write(t, "token", redact.Secret(given))}}, false},
		} {
			t.Run(name, func(t *testing.T) {
				tokens := make(chan auth.Token, 1)
				loop := &auth.Loop{Method: test.method, Client: b.NewClient(t, ""), Deliver: func(t auth.Token) { tokens <- t }}
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- loop.Run(ctx) }()
				token := <-tokens
				stop()
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
				if err := loop.RevokeSelf(t.Context()); err != nil {
					t.Fatal(err)
				}
				_, err := b.NewClient(t, string(token.Value)).Auth().Token().LookupSelf()
				if revoked := err != nil; revoked != test.revoked {
					t.Errorf("revoked: %t (%v), want %t", revoked, err, test.revoked)
				}
			})
		}
	})
}
