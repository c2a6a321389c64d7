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
	"github.com/certagent/certagent/vaultreq"
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
	if answer := new(api.ResponseError); errors.As(err, &answer) {
		answer.URL = "/v1/" + r.path // after a redirect it is what the server chose
	}
	if err != nil {
		return nil, err
	}
	body := &vaultreq.Body{Reader: response.Body}
	secret, err := api.ParseSecret(body)
	if err != nil {
		return secret, r.unreadable(err, body.Cut(err))
	}
	return secret, nil
}

// unreadable returns the failure for a body that is not JSON, or was cut off. What
// parsing says may quote the answer, and that may quote the request.
func (r request) unreadable(parsing, cut error) error {
	if cut != nil {
		return &Failure{Kind: Unreachable, Err: fmt.Errorf("reading the server's answer: %w", cut)}
	}
	secrets := []redact.Secret{r.token}
	if sent, err := json.Marshal(r.body); err == nil {
		secrets = append(secrets, vaultreq.SecretsIn(sent)...)
	}
	return garbled(errors.New(oneLine([]string{redact.NewHider(secrets).Hide(parsing.Error())})))
}

// logIn sends credentials to a login endpoint. The hint is for the case that the server
// refuses them.
func logIn(ctx context.Context, c *api.Client, mount string, body map[string]any, hint string) (*api.Secret, error) {
	path := strings.Trim(mount, "/") + loginSuffix
	secret, err := request{method: http.MethodPut, path: path, body: body}.do(ctx, c)
	if f := explain(err); f != nil && f.Kind == Refused && f.Hint == "" {
		f.Hint = hint
		if forbidden(err) { // Vault answers so for a mount that does not exist
			f.Hint = "there may be no such mount: check mount_path and namespace; or " + hint
		}
		return nil, f
	}
	return secret, err
}

// loginSuffix is the end of the path of every request whose answer wrap_ttl wraps.
const loginSuffix = "/login"
