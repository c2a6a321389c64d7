// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/redact"
)

// wrappedSecretID trades a wrapping token for the secret id in it. It can be
// done once for each token, so that both outcomes are remembered: the server is
// not asked again about a token that it has answered for.
type wrappedSecretID struct {
	token    redact.Secret // the wrapping token that was answered for
	secretID redact.Secret // what was in it
	failure  *Failure      // or why nothing was
}

// unwrap returns the secret id that the wrapping token, read from path, holds.
// Before the token is used up, its creation path is compared with the expected
// one: an attacker who has taken a token can put another one in its place, but
// cannot choose where that was created.
func (w *wrappedSecretID) unwrap(ctx context.Context, c *api.Client, token redact.Secret, expected, path string) (redact.Secret, error) {
	if token == w.token {
		if w.failure != nil {
			return "", w.failure
		}
		return w.secretID, nil
	}
	if err := checkCreationPath(ctx, c, token, expected, path); err != nil {
		return "", w.remember(token, err)
	}
	secret, err := request{method: http.MethodPut, path: "sys/wrapping/unwrap", token: token}.do(ctx, c)
	if err != nil {
		return "", w.remember(token, spent(err, path))
	}
	secretID, _ := field(secret, "secret_id").(string)
	if secretID == "" {
		return "", w.remember(token, &Failure{
			Kind: Refused,
			Err:  fmt.Errorf("the wrapping token in %s holds no secret id", path),
			Hint: "wrap the answer of " + expected,
		})
	}
	w.token, w.secretID, w.failure = token, redact.Secret(secretID), nil
	return w.secretID, nil
}

// remember keeps a refusal. What time can heal is asked again.
func (w *wrappedSecretID) remember(token redact.Secret, err error) error {
	if f := new(Failure); errors.As(err, &f) && f.Kind == Refused {
		w.token, w.secretID, w.failure = token, "", f
	}
	return err
}

func checkCreationPath(ctx context.Context, c *api.Client, token redact.Secret, expected, path string) error {
	secret, err := request{
		method: http.MethodPut, path: "sys/wrapping/lookup", body: map[string]any{"token": string(token)},
	}.do(ctx, c)
	if err != nil {
		return spent(err, path)
	}
	created, ok := field(secret, "creation_path").(string)
	if !ok {
		return garbled(errors.New("the wrapping token's look-up names no creation_path"))
	}
	if created != expected {
		return &Failure{
			Kind: Refused,
			Err:  fmt.Errorf("security: the wrapping token in %s was created at %q, not at %q; it is not used", path, created, expected),
			Hint: "find out who put it there, then deliver a new wrapping token, or correct secret_id_response_wrapping_path",
		}
	}
	return nil
}

// spent turns the server's refusal of a wrapping token into a warning.
func spent(err error, path string) error {
	f := explain(err)
	if f.Kind != Refused {
		return f
	}
	return &Failure{
		Kind: Refused,
		Err:  fmt.Errorf("security: the wrapping token in %s is not valid: it has expired or has been unwrapped already: %w", path, f.Err),
		Hint: "unless you unwrapped it yourself, revoke the secret id; then deliver a new wrapping token",
	}
}

func field(secret *api.Secret, name string) any {
	if secret == nil {
		return nil
	}
	return secret.Data[name]
}
