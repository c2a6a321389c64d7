// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package seed creates mounts, policies, roles and secrets for demonstrations and
// tests. It uses only the API, so it works with the dev server and with a real
// Vault. The client's token needs the permissions for all of it.
package seed

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
)

// Params are parameters, by their names in Vault's API.
type Params = map[string]any

// Policy writes a policy.
func Policy(ctx context.Context, c *api.Client, name, rules string) error {
	return write(ctx, c, "sys/policies/acl/"+name, Params{"policy": rules})
}

// Engine mounts a secrets engine, such as "kv" or "pki", unless the path is in
// use. Params may contain options and config.
func Engine(ctx context.Context, c *api.Client, path, kind string, params Params) error {
	return enable(ctx, c, "sys/mounts", path, kind, params)
}

// Method mounts a login method, such as "approle", unless the path is in use.
func Method(ctx context.Context, c *api.Client, path, kind string) error {
	return enable(ctx, c, "sys/auth", path, kind, nil)
}

func enable(ctx context.Context, c *api.Client, table, path, kind string, params Params) error {
	path = strings.Trim(path, "/")
	mounted, err := c.Logical().ReadWithContext(ctx, table)
	if err != nil {
		return fmt.Errorf("reading %s: %w", table, err)
	}
	if mounted != nil && mounted.Data[path+"/"] != nil {
		return nil
	}
	body := Params{"type": kind}
	maps.Copy(body, params)
	return write(ctx, c, table+"/"+path, body)
}

// KV writes values into a KV mount of the given version, mounting it if needed.
// The keys of values are paths below the mount.
func KV(ctx context.Context, c *api.Client, mount string, version int, values map[string]Params) error {
	options := Params{"options": Params{"version": fmt.Sprint(version)}}
	if err := Engine(ctx, c, mount, "kv", options); err != nil {
		return err
	}
	for path, value := range values {
		full, body := mount+"/"+path, value
		if version == 2 {
			full, body = mount+"/data/"+path, Params{"data": value}
		}
		if err := write(ctx, c, full, body); err != nil {
			return err
		}
	}
	return nil
}

// UserPass adds a user to the userpass method at mount.
func UserPass(ctx context.Context, c *api.Client, mount, user, password string, params Params) error {
	if err := Method(ctx, c, mount, "userpass"); err != nil {
		return err
	}
	body := Params{"password": password}
	maps.Copy(body, params)
	return write(ctx, c, "auth/"+mount+"/users/"+user, body)
}

// CertLogin adds a role to the cert method at mount. It accepts client
// certificates of the CA, which is PEM.
func CertLogin(ctx context.Context, c *api.Client, mount, role, ca string, params Params) error {
	if err := Method(ctx, c, mount, "cert"); err != nil {
		return err
	}
	body := Params{"certificate": ca}
	maps.Copy(body, params)
	return write(ctx, c, "auth/"+mount+"/certs/"+role, body)
}

// TokenRole writes a role for auth/token/create/<role>.
func TokenRole(ctx context.Context, c *api.Client, role string, params Params) error {
	return write(ctx, c, "auth/token/roles/"+role, params)
}

// Token creates a token and returns it.
func Token(ctx context.Context, c *api.Client, params Params) (string, error) {
	secret, err := c.Logical().WriteWithContext(ctx, "auth/token/create", params)
	if err != nil {
		return "", fmt.Errorf("creating a token: %w", err)
	}
	return secret.Auth.ClientToken, nil
}

func write(ctx context.Context, c *api.Client, path string, body Params) error {
	if _, err := c.Logical().WriteWithContext(ctx, path, body); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// wrapped returns a client that requests wrapped answers with the given TTL.
func wrapped(c *api.Client, ttl time.Duration) (*api.Client, error) {
	clone, err := c.CloneWithHeaders()
	if err != nil {
		return nil, err
	}
	clone.SetToken(c.Token())
	clone.SetWrappingLookupFunc(func(string, string) string { return ttl.String() })
	return clone, nil
}
