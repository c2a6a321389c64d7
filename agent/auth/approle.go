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
	"github.com/certagent/certagent/redact"
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
	accepted redact.Secret // the role ID of the last login that succeeded
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
	if a.SecretIDFile != "" {
		if body["secret_id"], err = a.readSecretID(ctx, c); err != nil {
			return nil, err
		}
	}
	secret, err := logIn(ctx, c, cmp.Or(a.MountPath, "auth/approle"), body, a.hint(roleID))
	if err == nil {
		a.accepted = roleID
		a.removeSecretID()
	}
	return secret, err
}

// hint returns what to do if Vault refuses the IDs, of which it does not tell the wrong
// one: if the role ID was accepted before, it is the secret ID.
func (a *AppRole) hint(roleID redact.Secret) string {
	switch {
	case a.SecretIDFile == "":
		return "check the role id in " + a.RoleIDFile + ", mount_path and namespace"
	case roleID == a.accepted:
		return "the secret id may be used up or expired: deliver a new one in " + a.SecretIDFile
	}
	return "check the role id in " + a.RoleIDFile + "; the secret id in " + a.SecretIDFile +
		" may be that of another role, used up or expired; check mount_path and namespace too"
}

func (a *AppRole) readSecretID(ctx context.Context, c *api.Client) (string, error) {
	if a.RemoveSecretIDFile {
		a.secretID.removal = "remove_secret_id_file_after_reading"
	}
	if a.WrappingPath == "" {
		a.secretID.what = "secret id"
		secretID, err := a.secretID.read(a.SecretIDFile)
		return string(secretID), err
	}
	a.secretID.what = "wrapping token of the secret id"
	wrapping, err := a.secretID.readToken(a.SecretIDFile)
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
	switch removed, err := a.secretID.remove(a.SecretIDFile, false); {
	case err != nil:
		orDiscard(a.Logger).Warn(logmsg.SecretIDNotRemoved, logkey.Path, a.SecretIDFile, logkey.Error, err)
	case removed:
		orDiscard(a.Logger).Info(logmsg.SecretIDRemoved, logkey.Path, a.SecretIDFile,
			logkey.Hint, "remove_secret_id_file_after_reading = false keeps it")
	}
}
