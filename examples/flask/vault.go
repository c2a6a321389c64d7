// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/dev/seed"
)

const policy = `path "pki/issue/service" { capabilities = ["create", "update"] }`

// serviceRole is the PKI role in agent-a.hcl and agent-b.hcl.
var serviceRole = seed.Params{"allow_any_name": true, "enforce_hostnames": false, "ttl": "10s", "max_ttl": "1h"}

// seedVault creates a CA for the services, and writes the credentials that the agents
// share to dir.
func seedVault(ctx context.Context, c *api.Client, dir string) error {
	pki := seed.PKI{CommonName: "Example CA", Roles: map[string]seed.Params{"service": serviceRole}}
	if _, err := pki.Apply(ctx, c); err != nil {
		return err
	}
	if err := seed.Policy(ctx, c, "service", policy); err != nil {
		return err
	}
	role := seed.AppRole{Role: "service", Params: seed.Params{"token_policies": "service", "token_ttl": "1h"}}
	credentials, err := role.Apply(ctx, c)
	if err != nil {
		return err
	}
	_, _, err = credentials.Write(dir)
	return err
}
