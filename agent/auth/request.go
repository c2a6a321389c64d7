// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/redact"
)

// request is one request with its own token. The functions of vault/api take the token
// from the client, which is shared.
type request struct {
	method  string
	path    string // without /v1/
	token   redact.Secret
	wrapTTL time.Duration // 0 means as the client wraps it
	body    map[string]any
}

// do makes the request and returns the answer; nil for an empty one.
func (r request) do(ctx context.Context, c *api.Client) (*api.Secret, error) {
	if timeout := c.ClientTimeout(); timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	raw := c.NewRequest(r.method, "/v1/"+r.path)
	raw.ClientToken = string(r.token)
	if r.wrapTTL > 0 {
		raw.WrapTTL = r.wrapTTL.String()
	}
	if r.body != nil {
		if err := raw.SetJSONBody(r.body); err != nil {
			return nil, err
		}
	}
	//lint:ignore SA1019 no other call takes a token and a wrap TTL for one request
	response, err := c.RawRequestWithContext(ctx, raw)
	if response != nil {
		defer response.Body.Close()
	}
	if err != nil {
		return nil, err
	}
	secret, err := api.ParseSecret(response.Body)
	return secret, unreadable(err)
}

// unreadable returns the failure for a body that is not JSON, or was cut off.
func unreadable(err error) error {
	var (
		syntax *json.SyntaxError
		kind   *json.UnmarshalTypeError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax), errors.As(err, &kind):
		return garbled(err)
	}
	return &Failure{Kind: Unreachable, Err: fmt.Errorf("reading the server's answer: %w", err)}
}

// logIn sends credentials to a login endpoint. The hint is for the case that the server
// refuses them.
func logIn(ctx context.Context, c *api.Client, mount string, body map[string]any, hint string) (*api.Secret, error) {
	path := strings.Trim(mount, "/") + loginSuffix
	secret, err := request{method: http.MethodPut, path: path, body: body}.do(ctx, c)
	if f := explain(err); f != nil && f.Kind == Refused && f.Hint == "" {
		f.Hint = hint
		return nil, f
	}
	return secret, err
}

// loginSuffix is the end of the path of every request whose answer wrap_ttl wraps.
const loginSuffix = "/login"
