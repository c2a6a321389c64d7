// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"time"

	"github.com/hashicorp/vault/api"
)

// leaseOf is how long an answer lasts by Vault's word: the token's lifetime if
// the answer is a token, else the lease's; 0 if neither says.
func leaseOf(s *api.Secret) time.Duration {
	if s.Auth != nil && s.Auth.LeaseDuration > 0 {
		return seconds(int64(s.Auth.LeaseDuration))
	}
	return seconds(int64(s.LeaseDuration))
}

// renewable says whether there is something to renew, and Vault would.
func renewable(s *api.Secret) bool {
	if s.Auth != nil {
		return s.Auth.Renewable && s.Auth.ClientToken != ""
	}
	return s.Renewable && s.LeaseID != ""
}

// renewed is the answer with the lease that a renewal brought. The content
// stays: a renewal does not repeat it.
func renewed(old, renewal *api.Secret) *api.Secret {
	s := *old
	if old.Auth == nil {
		s.LeaseDuration, s.Renewable = renewal.LeaseDuration, renewal.Renewable
		return &s
	}
	auth := *old.Auth
	auth.LeaseDuration, auth.Renewable = renewal.Auth.LeaseDuration, renewal.Auth.Renewable
	s.Auth = &auth
	return &s
}

// extended says whether a renewal was worth it. At its maximum a lease is
// renewed in form only: what is left is granted once more.
func extended(before, after time.Time, lease time.Duration) bool {
	return after.Sub(before) > lease/20
}
