// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/agent/auth"
	"github.com/certagent/certagent/dev"
	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/settings"
)

// TestLoopOnDevServer: days of a token's life, on a server that keeps Vault's
// rules about leases, in a bubble's time. Every five minutes the token that was
// delivered last works, but for the time that follows a fault.
func TestLoopOnDevServer(t *testing.T) {
	for name, test := range map[string]struct {
		params seed.Params
		fault  func(s *dev.Server, minute int, token redact.Secret) // called every five minutes
		tokens [2]int                                               // how many are delivered in two days
		gaps   int                                                  // looks that found no working token
	}{
		"periodic":          {params: seed.Params{"token_period": "1h"}, tokens: [2]int{1, 1}},
		"with a maximum":    {params: seed.Params{"token_ttl": "1h", "token_max_ttl": "6h"}, tokens: [2]int{8, 10}},
		"not to be renewed": {params: seed.Params{"token_ttl": "1h", "token_max_ttl": "1h"}, tokens: [2]int{48, 62}},
		"revoked": {
			params: seed.Params{"token_period": "1h"},
			fault: func(s *dev.Server, minute int, token redact.Secret) {
				if minute%600 == 0 {
					s.RevokeToken(string(token))
				}
			},
			tokens: [2]int{5, 5},
			gaps:   4 * 9, // until the next renewal
		},
		"sealed for two hours, twice": {
			params: seed.Params{"token_period": "1h"},
			fault: func(s *dev.Server, minute int, _ redact.Secret) {
				switch minute {
				case 300, 900:
					s.Seal()
				case 420, 1020:
					s.Unseal()
				}
			},
			tokens: [2]int{3, 3},
			gaps:   2 * (120 + 5) / 5,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				vault := dev.New(dev.Options{})
				client := inProcess(t, vault)
				method := appRole(t, vault, test.params)
				vault.ResetRequests()

				var token atomic.Value
				var delivered atomic.Int64
				loop := &auth.Loop{Client: client, Method: method, Deliver: func(t auth.Token) {
					token.Store(t.Value)
					delivered.Add(1)
				}}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- loop.Run(ctx) }()

				gaps, probes := 0, 0
				probe := inProcess(t, vault)
				for minute := 0; minute < 2*24*60; minute += 5 {
					synctest.Wait()
					current := token.Load().(redact.Secret)
					probe.SetToken(string(current))
					if _, err := probe.Auth().Token().LookupSelf(); err != nil {
						gaps++
					}
					probes++
					if test.fault != nil && minute > 0 {
						test.fault(vault, minute, current)
					}
					time.Sleep(5 * time.Minute)
				}
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
				if n := int(delivered.Load()); n < test.tokens[0] || n > test.tokens[1] {
					t.Errorf("%d tokens were delivered, want between %d and %d", n, test.tokens[0], test.tokens[1])
				}
				if gaps > test.gaps {
					t.Errorf("no working token at %d looks, want at most %d", gaps, test.gaps)
				}
				if n := int(vault.RequestCount()) - probes; n > 300 {
					t.Errorf("%d requests in two days", n)
				}
			})
		})
	}
}

// TestRevokedTokenIsReported: with somebody to say so, a revoked token is
// replaced at once.
func TestRevokedTokenIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault := dev.New(dev.Options{})
		client := inProcess(t, vault)
		tokens := make(chan redact.Secret, 2)
		loop := &auth.Loop{
			Client: client, Method: appRole(t, vault, seed.Params{"token_ttl": "1h"}),
			Deliver: func(t auth.Token) { tokens <- t.Value },
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- loop.Run(ctx) }()

		first, begin := <-tokens, time.Now()
		vault.RevokeToken(string(first))
		loop.Invalidate(first)
		second := <-tokens
		if second == first || time.Since(begin) > 0 {
			t.Errorf("another token: %t, after %s", second != first, time.Since(begin))
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// appRole seeds a role and returns the method that logs in to it.
func appRole(t *testing.T, vault *dev.Server, params seed.Params) *auth.AppRole {
	t.Helper()
	root := inProcess(t, vault)
	root.SetToken(vault.RootToken())
	credentials := must(seed.AppRole{Role: "web", Params: params}.Apply(t.Context(), root))(t)
	return &auth.AppRole{AppRole: settings.AppRole{
		RoleIDFile: write(t, "role", redact.Secret(credentials.RoleID)), SecretIDFile: write(t, "secret", credentials.SecretID),
	}}
}

// inProcess returns a client whose requests the server answers in the caller's
// goroutine.
func inProcess(t *testing.T, vault *dev.Server) *api.Client {
	t.Helper()
	config := api.DefaultConfig()
	config.Address, config.MaxRetries = "http://vault.test", 0
	config.HttpClient = &http.Client{Transport: vault.Transport()}
	return must(api.NewClient(config))(t)
}
