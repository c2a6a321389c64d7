// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
	"github.com/certagent/certagent/dev/internal/policy"
)

// login creates the token that a login method requested.
func (s *Server) login(c *call, a *backend.Auth) (*token, []string, error) {
	t := token{
		Policies: policyNames(a.Policies, a.NoDefaultPolicy), Path: c.path, DisplayName: displayName(c.Mount, a.DisplayName),
		EntityID: backend.UUIDOf(c.Mount + a.Alias), Meta: a.Metadata, Orphan: true, Renewable: true, Type: "service",
		NumUses: a.NumUses, BoundCIDRs: a.BoundCIDRs, Created: c.Now,
		TTL: time.Duration(a.TTL), MaxTTL: c.MaxTTL, Period: time.Duration(a.Period), ExplicitMaxTTL: time.Duration(a.ExplicitMaxTTL),
	}
	if a.MaxTTL > 0 && time.Duration(a.MaxTTL) < t.MaxTTL {
		t.MaxTTL = time.Duration(a.MaxTTL)
	}
	if t.TTL == 0 {
		t.TTL = min(c.DefaultTTL, t.MaxTTL)
	}
	warnings := s.start(&t, c.Now)
	t, err := s.tokens.add(t)
	return &t, warnings, err
}

// start sets the first expiry and the TTL of a new token.
func (s *Server) start(t *token, now time.Time) []string {
	t.Granted = t.TTL
	warnings := t.extend(now, 0)
	t.TTL = t.left(now)
	for _, name := range t.Policies {
		if !s.policies.exists(name) {
			warnings = append(warnings, fmt.Sprintf("Policy %q does not exist", name))
		}
	}
	return warnings
}

// displayName returns the mount's path with dashes, followed by the name if there
// is one.
func displayName(mount, name string) string {
	full := strings.ReplaceAll(strings.Trim(strings.TrimPrefix(mount, "auth/"), "/"), "/", "-")
	if name != "" {
		full += "-" + name
	}
	return full
}

// tokenRequest is the body of auth/token/create.
type tokenRequest struct {
	ID              string            `json:"id"`
	Policies        []string          `json:"policies" decode:"whole"`
	Meta            map[string]string `json:"meta"`
	NoParent        bool              `json:"no_parent"`
	NoDefaultPolicy bool              `json:"no_default_policy"`
	Renewable       bool              `json:"renewable"`
	TTL             backend.Seconds   `json:"ttl"`
	Lease           backend.Seconds   `json:"lease"` // the older name of ttl
	ExplicitMaxTTL  backend.Seconds   `json:"explicit_max_ttl"`
	Period          backend.Seconds   `json:"period"`
	NumUses         int               `json:"num_uses"`
	DisplayName     string            `json:"display_name"`
	Type            string            `json:"type"`
}

var notInNames = regexp.MustCompile(`[^a-zA-Z0-9-]+`)

// createToken answers auth/token/create, create/<role> and create-orphan.
func (s *Server) createToken(r *backend.Request) (*backend.Response, error) {
	by := r.Caller.(*caller)
	if by.NumUses != 0 {
		return nil, backend.BadRequest("restricted use token cannot generate child tokens")
	}
	in := tokenRequest{Renewable: true}
	if err := r.Fields.Decode(&in); err != nil {
		return nil, err
	}
	if in.TTL == 0 {
		in.TTL = in.Lease
	}
	role, err := s.roles.find(r.Params["role"])
	if err != nil {
		return nil, err
	}
	if err := in.check(by, r.Mount+r.Path, role); err != nil {
		return nil, err
	}
	names, err := in.policyNames(by, by.acl.Allows(r.Mount+r.Path, policy.Sudo), role)
	if err != nil {
		return nil, err
	}
	t := in.token(r, by, names)
	role.apply(&t)
	return s.addCreated(r, t, &in)
}

// check refuses parameters that require root or sudo.
func (in *tokenRequest) check(by *caller, path string, role *tokenRole) error {
	sudo := by.acl.Allows(path, policy.Sudo)
	switch {
	case in.Type != "" && in.Type != "service":
		return backend.BadRequest("the dev server only makes service tokens, not %q", in.Type)
	case in.ID != "" && !sudo:
		return backend.BadRequest("root or sudo privileges required to specify token id")
	case strings.HasPrefix(in.ID, "hvs.") || strings.HasPrefix(in.ID, "hvb.") || strings.HasPrefix(in.ID, "s."):
		return backend.BadRequest("custom token ID cannot have the 'hvs.', 'hvb.', or 's.' prefix")
	case role == nil && in.NoParent && !sudo:
		return backend.BadRequest("root or sudo privileges required to create orphan token")
	case in.Period > 0 && !sudo:
		return backend.BadRequest("root or sudo privileges required to create periodic token")
	case in.TTL < 0:
		return backend.BadRequest("ttl must be positive")
	case in.NumUses < 0:
		return backend.BadRequest("number of uses cannot be negative")
	}
	return nil
}

// policyNames returns the policies of the token.
func (in *tokenRequest) policyNames(by *caller, sudo bool, role *tokenRole) ([]string, error) {
	if role != nil {
		return role.policyNames(in, by)
	}
	if len(in.Policies) == 0 {
		return by.Policies, nil
	}
	names := policyNames(in.Policies, in.NoDefaultPolicy)
	if slices.Contains(names, "root") && !by.isRoot() && sudo {
		return nil, backend.BadRequest("root tokens may not be created without parent token being root")
	}
	for _, name := range names {
		if !sudo && name != "default" && !slices.Contains(by.Policies, name) {
			return nil, backend.BadRequest("child policies must be subset of parent")
		}
	}
	return names, nil
}

// token returns the requested token, before a role is applied.
func (in *tokenRequest) token(r *backend.Request, by *caller, names []string) token {
	t := token{
		ID: in.ID, Policies: names, Path: r.Mount + r.Path, DisplayName: "token", Meta: in.Meta, Renewable: in.Renewable,
		Type: "service", NumUses: in.NumUses, Created: r.Now, Parent: by.ID, Role: r.Params["role"],
		TTL: time.Duration(in.TTL), MaxTTL: r.MaxTTL, ExplicitMaxTTL: time.Duration(in.ExplicitMaxTTL), Period: time.Duration(in.Period),
	}
	if suffix := strings.Trim(notInNames.ReplaceAllString(in.DisplayName, "-"), "-"); suffix != "" {
		t.DisplayName += "-" + suffix
	}
	if in.NoParent || r.Path == "create-orphan" {
		t.Parent = ""
	}
	if len(t.Meta) == 0 {
		t.Meta = nil
	}
	return t
}

// addCreated stores a token and returns the answer. Root tokens without a TTL
// never expire.
func (s *Server) addCreated(r *backend.Request, t token, in *tokenRequest) (*backend.Response, error) {
	var warnings []string
	t.Orphan = t.Parent == ""
	if t.isRoot() && t.TTL == 0 && t.Period == 0 && t.ExplicitMaxTTL == 0 {
		t.Renewable, t.MaxTTL = false, 0
	} else {
		if t.TTL == 0 {
			t.TTL = r.DefaultTTL
			if t.ExplicitMaxTTL > 0 {
				t.TTL = min(t.TTL, t.ExplicitMaxTTL)
			}
		}
		warnings = s.start(&t, r.Now)
	}
	if in.ID != "" {
		warnings = append(warnings, "Supplying a custom ID for the token uses the weaker SHA1 hashing instead of the more secure SHA2-256 HMAC for token obfuscation. SHA1 hashed tokens on the wire leads to less secure lookups.")
	}
	t, err := s.tokens.add(t)
	if err != nil {
		return nil, backend.Errorf(http.StatusBadRequest, "%v", err)
	}
	return &backend.Response{Token: &t, Warnings: warnings}, nil
}
