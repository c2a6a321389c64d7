// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

// lastUse marks a token whose last use is in progress.
const lastUse = -1

// token is a token in the store. The store returns copies; the slices and maps
// that these share are never modified after creation.
type token struct {
	ID, Accessor, Parent string
	Policies             []string
	Path, DisplayName    string
	EntityID, Role       string
	Meta                 map[string]string
	Orphan               bool
	Renewable            bool
	Type                 string
	NumUses              int // 0: unlimited
	BoundCIDRs           []string

	Created, Renewed time.Time
	Expires          time.Time     // zero: never
	TTL              time.Duration // at creation
	Granted          time.Duration // the TTL of a renewal without an increment
	MaxTTL           time.Duration // of the role or mount; 0 for root only
	ExplicitMaxTTL   time.Duration
	Period           time.Duration

	wrapped *wrapped // the answer of a wrapping token
}

func (t *token) isRoot() bool { return slices.Contains(t.Policies, "root") }

func (t *token) expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

func (t *token) left(now time.Time) time.Duration {
	if t.Expires.IsZero() {
		return 0
	}
	return max(t.Expires.Sub(now), 0)
}

// extend sets the expiry to increment from now, or to the TTL at creation if
// increment is zero, up to the maxima. It returns a warning if a maximum applied.
func (t *token) extend(now time.Time, increment time.Duration) (warnings []string) {
	limit := t.MaxTTL
	if t.ExplicitMaxTTL > 0 && (limit == 0 || t.ExplicitMaxTTL < limit) {
		limit = t.ExplicitMaxTTL
	}
	ttl := increment
	if ttl == 0 {
		ttl = t.Granted
	}
	if t.Period > 0 {
		ttl, limit = t.Period, t.ExplicitMaxTTL
	}
	if limit > 0 && ttl > limit {
		warnings = append(warnings, fmt.Sprintf("TTL of %q exceeded the effective max_ttl of %q; TTL value is capped accordingly",
			shortDuration(ttl), shortDuration(limit)))
		ttl = limit
	}
	t.Expires = now.Add(ttl)
	if end := t.Created.Add(limit); limit > 0 && t.Expires.After(end) {
		t.Expires = end
	}
	return warnings
}

// shortDuration formats a duration without zero units: 1m instead of 1m0s.
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// info returns the token as the answer to its creation or renewal shows it.
func (t *token) info(now time.Time) *authInfo {
	return &authInfo{
		ClientToken: t.ID, Accessor: t.Accessor, Policies: t.Policies, TokenPolicies: t.Policies, Metadata: t.Meta,
		LeaseDuration: int64(t.left(now).Round(time.Second) / time.Second), Renewable: t.Renewable,
		EntityID: t.EntityID, TokenType: t.Type, Orphan: t.Orphan, NumUses: max(t.NumUses, 0),
	}
}

// lookup returns the token as lookup and lookup-self show it.
func (t *token) lookup(now time.Time) map[string]any {
	data := map[string]any{
		"accessor": t.Accessor, "creation_time": t.Created.Unix(), "creation_ttl": int64(t.TTL / time.Second),
		"display_name": t.DisplayName, "entity_id": t.EntityID, "expire_time": nil,
		"explicit_max_ttl": backend.Seconds(t.ExplicitMaxTTL), "id": t.ID, "issue_time": t.Created, "meta": t.Meta,
		"num_uses": t.NumUses, "orphan": t.Orphan, "path": t.Path, "policies": t.Policies, "renewable": t.Renewable,
		"ttl": int64(t.left(now.Round(time.Second)) / time.Second), "type": t.Type,
	}
	if !t.Expires.IsZero() {
		data["expire_time"] = t.Expires
	}
	if t.Period > 0 && t.Role == "" { // the period of a role is shown by the role
		data["period"] = backend.Seconds(t.Period)
	}
	if len(t.BoundCIDRs) > 0 {
		data["bound_cidrs"] = t.BoundCIDRs
	}
	if t.Role != "" {
		data["role"] = t.Role
	}
	if !t.Renewed.IsZero() {
		data["last_renewal"], data["last_renewal_time"] = t.Renewed, t.Renewed.Unix()
	}
	return data
}

// policyNames returns policies as Vault stores them: in lower case, sorted,
// without duplicates, with default unless it is disabled or root is present.
func policyNames(names []string, noDefault bool) []string {
	var out []string
	for _, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	if slices.Contains(out, "root") {
		return []string{"root"}
	}
	if !noDefault && !slices.Contains(out, "default") {
		out = append(out, "default")
	}
	slices.Sort(out)
	return out
}
