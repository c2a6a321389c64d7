// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"maps"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/dev/seed"
)

// The policies of the agent and of the API token.
const (
	agentPolicy = `path "auth/token/create/api-admin" { capabilities = ["create", "update"] }`
	apiPolicy   = `path "secret/data/api" { capabilities = ["read"] }`
)

// replaced returns a role whose tokens expire after ttl and cannot be extended: the
// agent replaces them.
func replaced(ttl time.Duration) seed.Params {
	return seed.Params{"token_explicit_max_ttl": ttl.String()}
}

// seedVault creates the role api-admin and returns a token for the agent.
func seedVault(ctx context.Context, c *api.Client, role seed.Params) (string, error) {
	for name, rules := range map[string]string{"agent": agentPolicy, "api": apiPolicy} {
		if err := seed.Policy(ctx, c, name, rules); err != nil {
			return "", err
		}
	}
	params := seed.Params{"allowed_policies": "api"}
	maps.Copy(params, role)
	if err := seed.TokenRole(ctx, c, "api-admin", params); err != nil {
		return "", err
	}
	return seed.Token(ctx, c, seed.Params{"policies": []string{"agent"}, "ttl": "24h"})
}
