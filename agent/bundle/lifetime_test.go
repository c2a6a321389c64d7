// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/certspec"
)

// A lifetime is compared with what was asked for by the certificate itself, whatever this
// host's clock says.
func TestLifetimeWishes(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name              string
		ttl, before       time.Duration
		lives             time.Duration
		clock             time.Duration // this host's, against Vault's
		shortened, unkept string
	}{
		{"as asked for", 72 * time.Hour, 24 * time.Hour, 72 * time.Hour, 0, "", ""},
		{"asked a moment ago", 72 * time.Hour, 0, 72*time.Hour - time.Second, 2 * time.Second, "", ""},
		{"nothing asked for", 0, 0, time.Hour, 0, "", ""},
		{"neither is kept", 72 * time.Hour, 24 * time.Hour, time.Hour, 0, "ttl is 72h0m0s, granted are 1h0m0s", "renew_before is 24h0m0s, the lifetime 1h0m0s: renewed after two thirds of it"},
		{"renew_before alone", 0, 24 * time.Hour, time.Hour, 0, "", "renew_before is 24h0m0s, the lifetime 1h0m0s: renewed after two thirds of it"},
		{"renew_before can be kept", 72 * time.Hour, 24 * time.Hour, 25 * time.Hour, 0, "ttl is 72h0m0s, granted are 25h0m0s", ""},
		{"clock ahead", 72 * time.Hour, 24 * time.Hour, 72 * time.Hour, 50 * time.Hour, "", ""},
		{"clock behind", 72 * time.Hour, 0, time.Hour, -72 * time.Hour, "ttl is 72h0m0s, granted are 1h0m0s", ""},
	} {
		m := &certificateMember{spec: certspec.Spec{TTL: c.ttl}, schedule: certificate.Schedule{Renew: certspec.Renew{Before: c.before}}}
		m.pair.Leaf = &x509.Certificate{NotBefore: now.Add(-30 * time.Second), NotAfter: now.Add(c.lives)}
		shortened, unkept := m.lifetimeWishes(now.Add(c.clock))
		if shortened != c.shortened || unkept != c.unkept {
			t.Errorf("%s: %q, %q", c.name, shortened, unkept)
		}
	}
}
