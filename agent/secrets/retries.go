// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"net/http"

	"github.com/hashicorp/vault/api"
)

type retriesKey struct{}

// withoutRetries returns a context for which the client does not retry, even if the
// environment enables retries: Vault may already have carried out the request.
func withoutRetries(ctx context.Context) context.Context {
	return context.WithValue(ctx, retriesKey{}, false)
}

// obeyWithoutRetries makes the client check for such a context before it retries.
func obeyWithoutRetries(c *api.Client) {
	policy := c.CheckRetry()
	if policy == nil {
		policy = api.DefaultRetryPolicy
	}
	c.SetCheckRetry(func(ctx context.Context, r *http.Response, err error) (bool, error) {
		if ctx.Value(retriesKey{}) != nil {
			return false, nil
		}
		return policy(ctx, r, err)
	})
}
