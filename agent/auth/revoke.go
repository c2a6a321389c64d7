// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"context"
	"net/http"
	"time"
)

// revokeTimeout bounds the request that revokes the token at the end of a run.
const revokeTimeout = 5 * time.Second

// RevokeSelf revokes the token that Run delivered last, with one request, which takes at
// most 5 s. It does nothing if there is no token, if the token is
// not the loop's own (that of a token file belongs to whoever made it), or if only its
// wrapping is known. It must be called after Run has returned. The caller must not call
// it for a token that a sink has handed on to others.
func (l *Loop) RevokeSelf(ctx context.Context) error {
	token := l.holder.current()
	if _, given := l.Method.(*TokenFile); given || token == "" || l.WrapTTL > 0 {
		return nil
	}
	client := l.Client
	if l.Namespace != "" {
		client = client.WithNamespace(l.Namespace)
	}
	ctx, cancel := context.WithTimeout(ctx, revokeTimeout)
	defer cancel()
	_, err := request{method: http.MethodPut, path: "auth/token/revoke-self", token: token}.do(ctx, client)
	if failure := explain(err); failure != nil {
		return failure
	}
	return nil
}
