// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/settings"
)

// AppRole logs in with a role ID and, usually, a secret ID.
//
// Vault Agent removes the file of the secret ID as soon as it has read it. AppRole
// removes it after a successful login, or after unwrapping it, so that the file is
// still there after a restart while Vault is unavailable. The IDs are kept in memory for
// the next login.
type AppRole struct {
	settings.AppRole
	MountPath string // "" means auth/approle

	Logger *slog.Logger // nil means that nothing is logged

	roleID   credential
	secretID credential
	wrapped  wrappedSecretID
}

// Name returns "approle".
func (*AppRole) Name() string { return "approle" }

// Inputs returns the files of the two IDs.
func (a *AppRole) Inputs() []string {
	if a.SecretIDFile == "" {
		return []string{a.RoleIDFile}
	}
	return []string{a.RoleIDFile, a.SecretIDFile}
}

// Login implements Method.
func (a *AppRole) Login(ctx context.Context, c *api.Client) (*api.Secret, error) {
	a.roleID.what = "role id"
	roleID, err := a.roleID.read(a.RoleIDFile)
	if err != nil {
		return nil, err
	}
	body := map[string]any{"role_id": string(roleID)}
	hint := "check the role id in " + a.RoleIDFile + ", mount_path and namespace"
	if a.SecretIDFile != "" {
		if body["secret_id"], err = a.readSecretID(ctx, c); err != nil {
			return nil, err
		}
		hint = "the secret id may be used up or expired: deliver a new one in " + a.SecretIDFile +
			"; or check the role id, mount_path and namespace"
	}
	secret, err := logIn(ctx, c, cmp.Or(a.MountPath, "auth/approle"), body, hint)
	if err == nil {
		a.removeSecretID()
	}
	return secret, err
}

func (a *AppRole) readSecretID(ctx context.Context, c *api.Client) (string, error) {
	if a.WrappingPath == "" {
		a.secretID.what = "secret id"
		secretID, err := a.secretID.read(a.SecretIDFile)
		return string(secretID), err
	}
	a.secretID.what = "wrapping token of the secret id"
	wrapping, err := a.secretID.read(a.SecretIDFile)
	if err != nil {
		return "", err
	}
	secretID, err := a.wrapped.unwrap(ctx, c, wrapping, a.WrappingPath, a.SecretIDFile)
	if err == nil {
		a.removeSecretID()
	}
	return string(secretID), err
}

func (a *AppRole) removeSecretID() {
	if a.SecretIDFile == "" || !a.RemoveSecretIDFile {
		return
	}
	if err := a.secretID.remove(a.SecretIDFile, false); err != nil {
		orDiscard(a.Logger).Warn(logmsg.SecretIDNotRemoved, logkey.Path, a.SecretIDFile, logkey.Error, err)
	}
}
