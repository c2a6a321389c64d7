// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"context"
	"net/http"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/settings"
)

// TokenFile reads a token from a file, and looks it up to learn its lifetime. If the file
// was removed or emptied, it uses the token that it read last.
type TokenFile struct {
	settings.TokenFile

	token credential
}

// Name returns "token_file".
func (*TokenFile) Name() string { return "token_file" }

// Inputs returns the file.
func (t *TokenFile) Inputs() []string { return []string{t.Path} }

// Login implements Method. A token that does not expire, such as a root token, has no
// lease.
func (t *TokenFile) Login(ctx context.Context, c *api.Client) (*api.Secret, error) {
	t.token.what = "token"
	token, err := t.token.readToken(t.Path)
	if err != nil {
		return nil, err
	}
	secret, err := request{method: http.MethodGet, path: "auth/token/lookup-self", token: token}.do(ctx, c)
	if f := explain(err); f != nil && f.Kind == Refused {
		f.Hint = "the token may have been revoked or have expired: deliver a new one in " + t.Path
		return nil, f
	}
	if err != nil || secret == nil {
		return nil, err
	}
	ttl, err := secret.TokenTTL()
	if err != nil {
		return nil, garbled(err)
	}
	if ttl == 0 && field(secret, "expire_time") != nil {
		ttl = time.Second // its last one: only a token without expire_time does not expire
	}
	renewable, err := secret.TokenIsRenewable()
	if err != nil {
		return nil, garbled(err)
	}
	accessor, _ := field(secret, "accessor").(string)
	// The token is that of the file: a proxy may have removed it from the answer.
	secret.Auth = &api.SecretAuth{
		ClientToken: string(token), Accessor: accessor, LeaseDuration: int(ttl.Seconds()), Renewable: renewable,
	}
	return secret, nil
}
