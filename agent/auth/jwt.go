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

// JWT logs in with a JSON Web Token from a file, which may be a link, as in Kubernetes
// and Nomad.
//
// Vault Agent removes the file as soon as it has read it. JWT removes it after a
// successful login, so that the file is still there after a restart while Vault is
// unavailable. The token is kept in memory for the next login.
type JWT struct {
	settings.JWT
	MountPath string // "" means auth/jwt

	Logger *slog.Logger // nil means that nothing is logged

	token credential
}

// Name returns "jwt".
func (*JWT) Name() string { return "jwt" }

// Inputs returns the file.
func (j *JWT) Inputs() []string { return []string{j.Path} }

// Login implements Method.
func (j *JWT) Login(ctx context.Context, c *api.Client) (*api.Secret, error) {
	j.token.what = "JWT"
	if j.RemoveAfterReading {
		j.token.removal = "remove_jwt_after_reading"
	}
	token, err := j.token.read(j.Path)
	if err != nil {
		return nil, err
	}
	secret, err := logIn(ctx, c, cmp.Or(j.MountPath, "auth/jwt"),
		map[string]any{"role": j.Role, "jwt": string(token)},
		"the JWT may have expired: deliver a new one in "+j.Path+"; or check role, mount_path and namespace")
	if err == nil {
		j.remove()
	}
	return secret, err
}

func (j *JWT) remove() {
	if !j.RemoveAfterReading {
		return
	}
	switch removed, err := j.token.remove(j.Path, j.RemoveFollowsSymlinks); {
	case err != nil:
		orDiscard(j.Logger).Warn(logmsg.JWTNotRemoved, logkey.Path, j.Path, logkey.Error, err)
	case removed:
		orDiscard(j.Logger).Info(logmsg.JWTRemoved, logkey.Path, j.Path, logkey.Hint, "remove_jwt_after_reading = false keeps it")
	}
}
