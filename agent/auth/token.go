// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"errors"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/redact"
)

// Token is the result of a login.
type Token struct {
	Value    redact.Secret // the token, or the description of its wrapping when Wrapped
	Wrapped  bool          // Value is JSON as Vault Agent writes it: token, accessor, ttl, creation_time, creation_path, wrapped_accessor
	Accessor string        // "" for batch tokens

	// LeaseDuration is the lifetime of the token from its login, or look-up, on. Zero
	// means for ever, or that it is Wrapped.
	LeaseDuration time.Duration
	Renewable     bool
}

// newToken reads the answer to a login.
func newToken(secret *api.Secret, wrapped bool) (Token, error) {
	switch {
	case secret == nil:
		return Token{}, garbled(errors.New("the answer to the login is empty"))
	case wrapped && (secret.WrapInfo == nil || secret.WrapInfo.Token == ""):
		return Token{}, garbled(errors.New("wrap_ttl is set, but the answer to the login is not wrapped"))
	case wrapped:
		description, err := describe(secret.WrapInfo)
		return Token{Value: redact.Secret(description), Wrapped: true, Accessor: secret.WrapInfo.WrappedAccessor}, err
	case secret.Auth == nil:
		return Token{}, garbled(errors.New("the answer to the login contains no token"))
	case secret.Auth.ClientToken == "" && secret.Auth.MFARequirement != nil:
		return Token{}, &Failure{
			Kind: Refused,
			Err:  errors.New("the login requires a second factor"),
			Hint: "exempt the agent's entity from the login MFA enforcement: an agent has no second factor",
		}
	case secret.Auth.ClientToken == "":
		return Token{}, garbled(errors.New("the answer to the login contains no token"))
	}
	return Token{
		Value:         redact.Secret(secret.Auth.ClientToken),
		Accessor:      secret.Auth.Accessor,
		LeaseDuration: seconds(secret.Auth.LeaseDuration),
		Renewable:     secret.Auth.Renewable,
	}, nil
}

// seconds returns a number of seconds from the server, bounded so that sums do not
// overflow.
func seconds(n int) time.Duration {
	const century = 100 * 365 * 24 * 3600
	return time.Duration(min(max(n, 0), century)) * time.Second
}
