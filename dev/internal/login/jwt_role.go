// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package login

import (
	"fmt"
	"slices"
	"strings"

	"github.com/certagent/certagent/dev/internal/backend"
)

// jwtRole is an entry of role/. The bound_service_account fields belong to the
// kubernetes method.
type jwtRole struct {
	backend.TokenParams
	RoleType       string            `json:"role_type,omitempty"`
	BoundAudiences []string          `json:"bound_audiences,omitempty"`
	BoundSubject   string            `json:"bound_subject,omitempty"`
	BoundClaims    map[string]any    `json:"bound_claims,omitempty"`
	ClaimMappings  map[string]string `json:"claim_mappings,omitempty"`
	UserClaim      string            `json:"user_claim,omitempty"`
	Names          []string          `json:"bound_service_account_names,omitempty"`
	Namespaces     []string          `json:"bound_service_account_namespaces,omitempty"`
	Audience       string            `json:"audience,omitempty"`
}

func (j *JWT) writeRole(r *backend.Request) (*backend.Response, error) {
	fresh := func() jwtRole { return jwtRole{TokenParams: backend.NewTokenParams()} }
	return nil, j.roles.update(r.Params["name"], fresh, func(role *jwtRole) error {
		if err := r.Fields.Decode(role); err != nil {
			return err
		}
		if err := role.DecodeOld(r.Fields, "max_ttl", "period", "policies", "ttl"); err != nil {
			return err
		}
		if j.kubernetes {
			return role.checkKubernetes()
		}
		return role.checkJWT()
	})
}

func (role *jwtRole) checkKubernetes() error {
	if len(role.Names) == 0 {
		return backend.BadRequest(`"bound_service_account_names" can not be empty`)
	}
	if len(role.Namespaces) == 0 {
		return backend.BadRequest(`"bound_service_account_namespaces" can not be empty if "bound_service_account_namespace_selector" is not set`)
	}
	return nil
}

func (role *jwtRole) checkJWT() error {
	if role.RoleType != "jwt" {
		return backend.BadRequest("the dev server only knows roles with role_type=jwt")
	}
	if role.UserClaim == "" {
		return backend.BadRequest("a user claim must be defined on the role")
	}
	if len(role.BoundAudiences) == 0 && role.BoundSubject == "" && len(role.BoundClaims) == 0 && len(role.BoundCIDRs) == 0 {
		return backend.BadRequest("must have at least one bound constraint when creating/updating a role")
	}
	return nil
}

// check returns an error if the claims of a token do not match the role.
func (role *jwtRole) check(claims map[string]any) error {
	audiences := texts(claims["aud"])
	switch {
	case len(role.BoundAudiences) == 0 && len(audiences) > 0:
		return fmt.Errorf("error validating token: audience claim found in JWT but no audiences bound to the role")
	case len(role.BoundAudiences) > 0 && !overlap(role.BoundAudiences, audiences):
		return fmt.Errorf("error validating token: invalid audience (aud) claim: audience claim does not match any expected audience")
	case role.BoundSubject != "" && role.BoundSubject != claims["sub"]:
		return fmt.Errorf("error validating token: invalid subject (sub) claim")
	}
	for name, want := range role.BoundClaims {
		if got, ok := claims[name]; !ok {
			return fmt.Errorf("error validating claims: claim %q is missing", name)
		} else if !overlap(texts(want), texts(got)) {
			return fmt.Errorf("error validating claims: claim %q does not match any associated bound claim values", name)
		}
	}
	return nil
}

// checkServiceAccount is check for the kubernetes method. It returns the namespace
// and the name of the service account.
func (role *jwtRole) checkServiceAccount(claims map[string]any) (namespace, name string, err error) {
	subject, _ := claims["sub"].(string)
	account, ok := strings.CutPrefix(subject, "system:serviceaccount:")
	namespace, name, cut := strings.Cut(account, ":")
	switch {
	case !ok || !cut:
		return "", "", backend.Errorf(403, "permission denied")
	case !slices.Contains(role.Namespaces, namespace) && !slices.Contains(role.Namespaces, "*"):
		return "", "", backend.Errorf(403, "namespace not authorized")
	case !slices.Contains(role.Names, name) && !slices.Contains(role.Names, "*"):
		return "", "", backend.Errorf(403, "service account name not authorized")
	case role.Audience != "" && !slices.Contains(texts(claims["aud"]), role.Audience):
		return "", "", backend.Errorf(403, "invalid audience (aud) claim: audience claim does not match any expected audience")
	}
	return namespace, name, nil
}

// texts returns the value or values of a claim as strings.
func texts(v any) (list []string) {
	switch v := v.(type) {
	case nil:
	case []any:
		for _, item := range v {
			list = append(list, fmt.Sprint(item))
		}
	default:
		list = []string{fmt.Sprint(v)}
	}
	return list
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
}
