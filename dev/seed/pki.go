// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package seed

import (
	"context"
	"fmt"
	"maps"

	"github.com/certagent/certagent/redact"
	"github.com/hashicorp/vault/api"
)

// PKI is a PKI mount with its own root CA and roles.
type PKI struct {
	Mount      string            // "" means "pki"
	CommonName string            // of the CA; "" means "Example CA"
	KeyType    string            // of the CA; "" means "ec"
	TTL        string            // of the CA, and the mount's maximum; "" means a year
	Roles      map[string]Params // by name; the parameters of pki/roles/<name>
}

// Apply mounts the engine if needed, creates the CA, writes the roles and returns
// the CA certificate as PEM.
func (p PKI) Apply(ctx context.Context, c *api.Client) (ca string, err error) {
	mount, ttl := or(p.Mount, "pki"), or(p.TTL, "8760h")
	if err := Engine(ctx, c, mount, "pki", Params{"config": Params{"max_lease_ttl": ttl}}); err != nil {
		return "", err
	}
	root, err := c.Logical().WriteWithContext(ctx, mount+"/root/generate/internal", Params{
		"common_name": or(p.CommonName, "Example CA"), "key_type": or(p.KeyType, "ec"), "ttl": ttl,
	})
	if err != nil {
		return "", fmt.Errorf("creating the CA of %s: %w", mount, err)
	}
	for name, params := range p.Roles {
		body := Params{"key_type": "ec", "key_bits": 256}
		maps.Copy(body, params)
		if err := write(ctx, c, mount+"/roles/"+name, body); err != nil {
			return "", err
		}
	}
	return root.Data["certificate"].(string), nil
}

// Pair is a certificate with its key and its CA, all PEM.
type Pair struct {
	Cert, CA string
	Key      redact.Secret
}

// Issue requests a certificate at path, such as "pki/issue/web".
func Issue(ctx context.Context, c *api.Client, path string, params Params) (Pair, error) {
	secret, err := c.Logical().WriteWithContext(ctx, path, params)
	if err != nil {
		return Pair{}, fmt.Errorf("requesting a certificate: %w", err)
	}
	return Pair{
		Cert: secret.Data["certificate"].(string), CA: secret.Data["issuing_ca"].(string),
		Key: redact.Secret(secret.Data["private_key"].(string)),
	}, nil
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
