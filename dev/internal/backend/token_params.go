// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package backend

// TokenParams are the token parameters of a role. All login methods have them.
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
	// The same by their older names. DecodeOld sets those that the role was
	// written with, and only these are shown.
	OldMaxTTL   Seconds  `json:"max_ttl,omitempty" decode:"-"`
	OldPeriod   Seconds  `json:"period,omitempty" decode:"-"`
	OldPolicies []string `json:"policies,omitempty" decode:"-"`
	OldTTL      Seconds  `json:"ttl,omitempty" decode:"-"`
}

// NewTokenParams returns the default values.
func NewTokenParams() TokenParams {
	return TokenParams{BoundCIDRs: []string{}, Policies: []string{}, Type: "default"}
}

// DecodeOld is called after Decode. It reads the given older names, where the
// newer ones are absent, and checks the addresses.
func (p *TokenParams) DecodeOld(f Fields, names ...string) (err error) {
	if p.BoundCIDRs, err = ParseCIDRs(p.BoundCIDRs); err != nil {
		return err
	}
	for _, name := range names {
		if !f.Has(name) || f.Has("token_"+name) {
			continue
		}
		if err := (Fields{"token_" + name: f[name]}).Decode(p); err != nil {
			return err
		}
		switch name {
		case "max_ttl":
			p.OldMaxTTL = p.MaxTTL
		case "period":
			p.OldPeriod = p.Period
		case "policies":
			p.OldPolicies = p.Policies
		case "ttl":
			p.OldTTL = p.TTL
		}
	}
	return nil
}
