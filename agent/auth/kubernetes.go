// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"cmp"
	"context"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/settings"
)

// Kubernetes logs in with the token of the service account. Kubernetes replaces the file
// before the token expires; it is read at each login.
type Kubernetes struct {
	settings.Kubernetes
	MountPath string // "" means auth/kubernetes

	token credential
}

// serviceAccountToken is where Kubernetes mounts a service account's token.
const serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// Name returns "kubernetes".
func (*Kubernetes) Name() string { return "kubernetes" }

// Inputs returns the file of the token.
func (k *Kubernetes) Inputs() []string { return []string{cmp.Or(k.TokenPath, serviceAccountToken)} }

// Login implements Method.
func (k *Kubernetes) Login(ctx context.Context, c *api.Client) (*api.Secret, error) {
	k.token.what = "service account's token"
	token, err := k.token.read(k.Inputs()[0])
	if err != nil {
		return nil, err
	}
	return logIn(ctx, c, cmp.Or(k.MountPath, "auth/kubernetes"),
		map[string]any{"role": k.Role, "jwt": string(token)},
		"check that the role names this service account and its namespace, and mount_path")
}
