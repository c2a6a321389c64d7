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

// What the agent may do, and what those who have the API's token may.
const (
	agentPolicy = `path "auth/token/create/api-admin" { capabilities = ["create", "update"] }`
	apiPolicy   = `path "secret/data/api" { capabilities = ["read"] }`
)

// replaced is a role whose tokens live for ttl, whatever is done about it: the
// agent replaces them.
func replaced(ttl time.Duration) seed.Params {
	return seed.Params{"token_explicit_max_ttl": ttl.String()}
}

// extended is a role whose tokens live for ttl and for another ttl each time
// that they are renewed: the agent renews them and the file stays as it is.
func extended(ttl time.Duration) seed.Params { return seed.Params{"token_period": ttl.String()} }

// seedVault gives Vault the role api-admin and returns a token for the agent.
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
