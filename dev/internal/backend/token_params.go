// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package backend

// TokenParams are the parameters that every login method's roles have for the
// tokens that they give out.
type TokenParams struct {
	BoundCIDRs      []string `json:"token_bound_cidrs"`
	ExplicitMaxTTL  Seconds  `json:"token_explicit_max_ttl"`
	MaxTTL          Seconds  `json:"token_max_ttl"`
	NoDefaultPolicy bool     `json:"token_no_default_policy"`
	NumUses         int      `json:"token_num_uses"`
	Period          Seconds  `json:"token_period"`
	Policies        []string `json:"token_policies"`
	TTL             Seconds  `json:"token_ttl"`
	Type            string   `json:"token_type"`
	// OldPolicies is token_policies under its older name; it is shown only
	// where it was used.
	OldPolicies []string `json:"policies,omitempty"`
}

// NewTokenParams returns the values that a new role starts from.
func NewTokenParams() TokenParams {
	return TokenParams{BoundCIDRs: []string{}, Policies: []string{}, Type: "default"}
}

// Complete gives the older names' values to the newer ones. Roles call it after
// decoding.
func (p *TokenParams) Complete(f Fields) {
	if f.Has("policies") && !f.Has("token_policies") {
		p.Policies = p.OldPolicies
	}
	if f.Has("token_policies") {
		p.OldPolicies = nil
	}
}
