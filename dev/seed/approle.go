// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package seed

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/certagent/certagent/redact"
	"github.com/hashicorp/vault/api"
)

// AppRole is a role of the AppRole method.
type AppRole struct {
	Mount  string // "" means "approle"
	Role   string
	Params Params // of the role, such as token_policies and token_ttl
}

// Credentials are what an AppRole login needs.
type Credentials struct {
	RoleID   string
	SecretID redact.Secret
}

func (a AppRole) mount() string {
	if a.Mount == "" {
		return "approle"
	}
	return a.Mount
}

// path is the role's API path.
func (a AppRole) path() string { return "auth/" + a.mount() + "/role/" + a.Role }

// Apply mounts the method if needed, writes the role and returns credentials.
func (a AppRole) Apply(ctx context.Context, c *api.Client) (Credentials, error) {
	if err := Method(ctx, c, a.mount(), "approle"); err != nil {
		return Credentials{}, err
	}
	if err := write(ctx, c, a.path(), a.Params); err != nil {
		return Credentials{}, err
	}
	id, err := c.Logical().ReadWithContext(ctx, a.path()+"/role-id")
	if err != nil {
		return Credentials{}, fmt.Errorf("reading the role id: %w", err)
	}
	secretID, err := a.SecretID(ctx, c, nil)
	return Credentials{RoleID: id.Data["role_id"].(string), SecretID: secretID}, err
}

// SecretID creates another secret id for the role. Params may contain ttl,
// num_uses and metadata.
func (a AppRole) SecretID(ctx context.Context, c *api.Client, params Params) (redact.Secret, error) {
	secret, err := c.Logical().WriteWithContext(ctx, a.path()+"/secret-id", params)
	if err != nil {
		return "", fmt.Errorf("creating a secret id: %w", err)
	}
	return redact.Secret(secret.Data["secret_id"].(string)), nil
}

// WrappedSecretID creates a wrapped secret id. It returns the wrapping token and
// its creation path.
func (a AppRole) WrappedSecretID(ctx context.Context, c *api.Client, ttl time.Duration) (token redact.Secret, creationPath string, err error) {
	c, err = wrapped(c, ttl)
	if err != nil {
		return "", "", err
	}
	secret, err := c.Logical().WriteWithContext(ctx, a.path()+"/secret-id", nil)
	if err != nil {
		return "", "", fmt.Errorf("creating a wrapped secret id: %w", err)
	}
	return redact.Secret(secret.WrapInfo.Token), secret.WrapInfo.CreationPath, nil
}

// Write writes the credentials to the files "roleid" and "secretid" of a
// directory, with mode 0600, and returns the paths.
func (c Credentials) Write(dir string) (roleID, secretID string, err error) {
	roleID, secretID = filepath.Join(dir, "roleid"), filepath.Join(dir, "secretid")
	if err := os.WriteFile(roleID, []byte(c.RoleID), 0o600); err != nil {
		return "", "", err
	}
	return roleID, secretID, os.WriteFile(secretID, []byte(c.SecretID), 0o600)
}
