// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"time"

	"github.com/hashicorp/vault/api"
)

// leaseOf returns the lifetime that Vault gives for an answer: that of the token if the
// answer is a token, else that of the lease; 0 if there is none.
func leaseOf(s *api.Secret) time.Duration {
	if s.Auth != nil && s.Auth.LeaseDuration > 0 {
		return seconds(int64(s.Auth.LeaseDuration))
	}
	return seconds(int64(s.LeaseDuration))
}

// renewable reports whether Vault renews the answer.
func renewable(s *api.Secret) bool {
	if s.Auth != nil {
		return s.Auth.Renewable && s.Auth.ClientToken != ""
	}
	return s.Renewable && s.LeaseID != ""
}

// renewed returns the answer with the lease of a renewal, which does not contain the
// content.
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

// extended reports whether a renewal has extended the lease. At its maximum a renewal
// only returns what is left.
func extended(before, after time.Time, lease time.Duration) bool {
	return after.Sub(before) > lease/20
}
