// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/redact"
)

// Wrap wraps a token in a response-wrapping token that lives for ttl (wrap_ttl of a
// sink), and returns the description of the wrapping token as Vault Agent writes it: one
// line of JSON.
func Wrap(ctx context.Context, c *api.Client, token redact.Secret, ttl time.Duration) (redact.Bytes, error) {
	secret, err := request{
		method: http.MethodPut, path: "sys/wrapping/wrap", token: token, wrapTTL: ttl,
		body: map[string]any{"token": string(token)},
	}.do(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("wrapping the token: %w", explain(err))
	}
	if secret == nil || secret.WrapInfo == nil || secret.WrapInfo.Token == "" {
		return nil, fmt.Errorf("wrapping the token: %w", garbled(errors.New("the answer is not wrapped")))
	}
	return describe(secret.WrapInfo)
}

// describe encodes wrapping information as Vault Agent does.
func describe(info *api.SecretWrapInfo) (redact.Bytes, error) {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(info); err != nil {
		return nil, fmt.Errorf("encoding the wrapping information: %w", err)
	}
	return b.Bytes(), nil
}
