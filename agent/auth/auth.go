// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package auth logs in to Vault and keeps the token alive: a Method knows the
// credentials and how to trade them for a token, a Loop knows when.
//
// It refuses to decide what a token is used for, and to write it anywhere: it
// hands each new token to its caller.
package auth

import (
	"context"

	"github.com/hashicorp/vault/api"
)

// Method is one way to log in. A Loop calls its methods from one goroutine.
type Method interface {
	// Name is the method's type in the configuration, such as "approle".
	Name() string

	// Login reads the credentials anew and trades them for a token. The client
	// carries no token. An error that is a *Failure is shown to the operator as
	// it is; no error contains a credential.
	Login(ctx context.Context, c *api.Client) (*api.Secret, error)

	// Inputs names the files that the credentials come from, so that the caller
	// can watch them.
	Inputs() []string
}
