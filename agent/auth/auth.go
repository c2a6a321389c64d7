// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package auth logs in to Vault and keeps the token valid. A Method exchanges
// credentials for a token; a Loop decides when.
//
// It neither uses the token nor writes it anywhere: it hands each new token to its
// caller.
package auth

import (
	"context"

	"github.com/hashicorp/vault/api"
)

// Method is one way to log in. A Loop calls its methods from one goroutine.
type Method interface {
	// Name is the method's type in the configuration, such as "approle".
	Name() string

	// Login reads the credentials and exchanges them for a token. The client has no
	// token. An error that is a *Failure is shown to the operator unchanged; no error
	// contains a credential.
	Login(ctx context.Context, c *api.Client) (*api.Secret, error)

	// Inputs returns the files that contain the credentials, for the caller to watch.
	Inputs() []string
}
