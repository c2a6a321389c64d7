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

// wrappedSecretID unwraps the secret ID in a wrapping token. That is possible only once
// for each token, so the result is remembered, whether it is a secret ID or a failure.
type wrappedSecretID struct {
	token    redact.Secret // the wrapping token of the result
	secretID redact.Secret // the result
	failure  *Failure      // or why there is none
}

// unwrap returns the secret ID in a wrapping token, which was read from path. Before it
// uses up the token, it compares its creation path with the expected one: an attacker
// who has used a token can put another one in its place, but cannot choose its creation
// path.
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
			Err:  fmt.Errorf("the wrapping token in %s contains no secret id", path),
			Hint: "wrap the answer of " + expected,
		})
	}
	w.token, w.secretID, w.failure = token, redact.Secret(secretID), nil
	return w.secretID, nil
}

// remember stores a failure, unless it is temporary.
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

// spent returns a security warning for a wrapping token that the server refuses.
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
