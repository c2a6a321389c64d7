// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package login

import (
	"errors"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// algorithms are the accepted signature algorithms.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512, jose.EdDSA,
}

// leeway is the clock skew that Vault allows.
const leeway = time.Minute

func (j *JWT) login(r *backend.Request) (*backend.Response, error) {
	j.mu.RLock()
	config := j.config
	j.mu.RUnlock()
	if !config.configuredSince {
		return nil, backend.BadRequest("could not load configuration")
	}
	name := r.Fields.String("role")
	if name == "" {
		name = config.DefaultRole
	}
	if name == "" {
		return nil, backend.BadRequest("missing role")
	}
	role := j.roles.get(name)
	if role == nil {
		if j.kubernetes {
			return nil, backend.BadRequest("invalid role name %q", name)
		}
		return nil, backend.BadRequest("role %q could not be found", name)
	}
	if r.Fields.String("jwt") == "" {
		return nil, backend.BadRequest("missing token")
	}
	claims, err := config.verify(r.Fields.String("jwt"), r.Now)
	if err != nil {
		return nil, backend.BadRequest("error validating token: %v", err)
	}
	if j.kubernetes {
		return kubernetesAuth(role, name, claims)
	}
	return jwtAuth(role, name, claims)
}

// verify checks the signature and times of a token and returns its claims.
func (c *jwtConfig) verify(text string, now time.Time) (map[string]any, error) {
	parsed, err := jwt.ParseSigned(text, algorithms)
	if err != nil {
		return nil, err
	}
	var standard jwt.Claims
	claims := make(map[string]any)
	err = backend.BadRequest("error verifying token signature: no known key successfully validated the token signature")
	for _, key := range c.keys {
		if e := parsed.Claims(key, &standard, &claims); e == nil {
			err = nil
			break
		}
	}
	if err != nil {
		return nil, err
	}
	if standard.Expiry == nil && standard.NotBefore == nil && standard.IssuedAt == nil {
		return nil, backend.BadRequest("no issued at (iat), not before (nbf), or expiration time (exp) claims in token")
	}
	if c.BoundIssuer != "" && standard.Issuer != c.BoundIssuer {
		return nil, backend.BadRequest("invalid issuer (iss) claim")
	}
	return claims, checkTimes(standard, now)
}

// checkTimes returns the library's errors with Vault's messages.
func checkTimes(c jwt.Claims, now time.Time) error {
	err := c.ValidateWithLeeway(jwt.Expected{Time: now}, leeway)
	switch {
	case errors.Is(err, jwt.ErrExpired):
		return errors.New("invalid expiration time (exp) claim: token is expired")
	case errors.Is(err, jwt.ErrNotValidYet), errors.Is(err, jwt.ErrIssuedInTheFuture) && c.NotBefore == nil:
		// Vault uses iat for a missing nbf.
		return errors.New("invalid not before (nbf) claim: token not yet valid")
	case errors.Is(err, jwt.ErrIssuedInTheFuture):
		return errors.New("invalid issued at (iat) claim: token issued in the future")
	}
	return err
}

func jwtAuth(role *jwtRole, name string, claims map[string]any) (*backend.Response, error) {
	if err := role.check(claims); err != nil {
		return nil, backend.BadRequest("%v", err)
	}
	user, ok := claims[role.UserClaim].(string)
	if !ok {
		return nil, backend.BadRequest("claim %q not found in token", role.UserClaim)
	}
	metadata := map[string]string{"role": name}
	for claim, key := range role.ClaimMappings {
		for _, value := range texts(claims[claim]) {
			metadata[key] = value
		}
	}
	return &backend.Response{Auth: &backend.Auth{
		TokenParams: role.TokenParams, DisplayName: user, Alias: user, Metadata: metadata,
	}}, nil
}

func kubernetesAuth(role *jwtRole, name string, claims map[string]any) (*backend.Response, error) {
	namespace, account, err := role.checkServiceAccount(claims)
	if err != nil {
		return nil, err
	}
	return &backend.Response{Auth: &backend.Auth{
		TokenParams: role.TokenParams, DisplayName: namespace + "-" + account, Alias: namespace + "/" + account,
		Metadata: map[string]string{
			"role": name, "service_account_name": account, "service_account_namespace": namespace,
			"service_account_uid": backend.UUIDOf(namespace + "/" + account), "service_account_secret_name": "",
		},
	}}, nil
}
