// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/vaultreq"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

const never = time.Duration(-1)

// TestNext is the table of lifetimes by Vault Agent's rules: when is asked again, with the draw in
// the middle of its range, and how far the extremes of the draw lie apart.
func TestNext(t *testing.T) {
	t.Parallel()
	n := func(text string) json.Number { return json.Number(text) }
	live := func(before, after time.Duration) window {
		return window{noon.Add(-before), noon.Add(after), "1"}
	}
	hour := &api.Secret{LeaseID: "l", LeaseDuration: 3600}
	for _, tt := range []struct {
		name    string
		facts   facts
		policy  policy
		at      time.Duration // after noon
		spread  time.Duration
		renew   bool
		expires time.Duration // after noon; never for not at all
		// fixed is set if the window of the certificate fixes the deadline.
		fixed bool
	}{
		{
			name:  "static secret",
			facts: facts{secret: &api.Secret{}}, at: 270 * time.Second, spread: 30 * time.Second, expires: never,
		}, {
			name:  "negative lease duration is none",
			facts: facts{secret: &api.Secret{LeaseDuration: -5}}, at: 270 * time.Second, spread: 30 * time.Second, expires: never,
		}, {
			name:  "KV version 1 has a lease duration and does not end",
			facts: facts{secret: &api.Secret{LeaseDuration: 1000}}, at: 900 * time.Second, spread: 100 * time.Second, expires: never,
		}, {
			name:  "lease that cannot be renewed",
			facts: facts{secret: hour}, at: 54 * time.Minute, spread: 6 * time.Minute, expires: time.Hour,
		}, {
			name:   "lower threshold",
			facts:  facts{secret: hour},
			policy: policy{threshold: 0.5}, at: 30 * time.Minute, spread: 6 * time.Minute, expires: time.Hour,
		}, {
			name:   "threshold too close to nothing for jitter to both sides",
			facts:  facts{secret: hour},
			policy: policy{threshold: 0.04}, at: 144 * time.Second, spread: 180 * time.Second, expires: time.Hour,
		}, {
			name:  "lease that can be renewed",
			facts: facts{secret: &api.Secret{LeaseID: "l", LeaseDuration: 3600, Renewable: true}},
			at:    38*time.Minute + 30*time.Second, spread: 3 * time.Minute, renew: true, expires: time.Hour,
		}, {
			name:  "renewable without a lease to renew",
			facts: facts{secret: &api.Secret{LeaseDuration: 3600, Renewable: true}},
			at:    54 * time.Minute, spread: 6 * time.Minute, expires: never,
		}, {
			name:  "token of thirty seconds",
			facts: facts{secret: &api.Secret{Auth: &api.SecretAuth{ClientToken: "x", LeaseDuration: 30, Renewable: true}}},
			at:    19250 * time.Millisecond, spread: 1500 * time.Millisecond, renew: true, expires: 30 * time.Second,
		}, {
			name:  "token that cannot be renewed",
			facts: facts{secret: &api.Secret{Auth: &api.SecretAuth{ClientToken: "x", LeaseDuration: 30}}},
			at:    27 * time.Second, spread: 3 * time.Second, expires: 30 * time.Second,
		}, {
			name:  "token that never ends",
			facts: facts{secret: &api.Secret{Auth: &api.SecretAuth{ClientToken: "x", Renewable: true}}},
			at:    270 * time.Second, spread: 30 * time.Second, expires: never,
		}, {
			name:  "secret_id with a lifetime gets a second more",
			facts: facts{secret: &api.Secret{Data: map[string]any{"secret_id": "x", "secret_id_ttl": n("99")}}},
			at:    90 * time.Second, spread: 10 * time.Second, expires: 99 * time.Second,
		}, {
			name:  "secret_id without end",
			facts: facts{secret: &api.Secret{Data: map[string]any{"secret_id": "x", "secret_id_ttl": n("0")}}},
			at:    270 * time.Second, spread: 30 * time.Second, expires: never,
		}, {
			name:  "rotated secret is read when it has been rotated",
			facts: facts{secret: &api.Secret{Data: map[string]any{"rotation_period": n("86400"), "ttl": n("600")}}},
			at:    601 * time.Second, expires: 600 * time.Second,
		}, {
			name:  "rotated secret at its moment",
			facts: facts{secret: &api.Secret{Data: map[string]any{"rotation_period": n("86400"), "ttl": n("0")}}},
			at:    time.Second, expires: 0,
		}, {
			name:  "rotated secret with a lease follows the lease",
			facts: facts{secret: &api.Secret{LeaseID: "l", LeaseDuration: 100, Data: map[string]any{"rotation_period": n("9"), "ttl": n("9")}}},
			at:    90 * time.Second, spread: 10 * time.Second, expires: 100 * time.Second,
		}, {
			name:  "certificate of secret: a part of what is left",
			facts: facts{kind: vaultreq.Write, secret: &api.Secret{}, window: live(30*time.Second, 24*time.Hour)},
			at:    21*time.Hour + 36*time.Minute, spread: 144 * time.Minute, expires: 24 * time.Hour, fixed: true,
		}, {
			name:  "certificate of secret that lives five seconds",
			facts: facts{kind: vaultreq.Write, secret: &api.Secret{}, window: live(30*time.Second, 5*time.Second)},
			at:    4250 * time.Millisecond, spread: 500 * time.Millisecond, expires: 5 * time.Second, fixed: true,
		}, {
			name:  "certificate of secret that is over",
			facts: facts{kind: vaultreq.Write, secret: &api.Secret{}, window: live(time.Hour, -time.Minute)},
			at:    270 * time.Second, spread: 30 * time.Second, expires: -time.Minute,
		}, {
			name:  "certificate with a shorter lease",
			facts: facts{kind: vaultreq.Write, secret: hour, window: live(0, 10*time.Hour)},
			at:    54 * time.Minute, spread: 6 * time.Minute, expires: time.Hour,
		}, {
			name:  "certificate that ends before its lease",
			facts: facts{kind: vaultreq.Write, secret: hour, window: live(0, 10*time.Minute)},
			at:    9 * time.Minute, spread: time.Minute, expires: 10 * time.Minute, fixed: true,
		}, {
			name: "certificate that ends before its renewable lease is renewed",
			facts: facts{
				kind: vaultreq.Write, window: live(0, 10*time.Minute),
				secret: &api.Secret{LeaseID: "l", LeaseDuration: 3600, Renewable: true},
			},
			at: 9 * time.Minute, spread: time.Minute, expires: 10 * time.Minute, fixed: true,
		}, {
			name: "certificate that is over, with a renewable lease",
			facts: facts{
				kind: vaultreq.Write, window: live(time.Hour, -time.Minute),
				secret: &api.Secret{LeaseID: "l", LeaseDuration: 3600, Renewable: true},
			},
			at: 38*time.Minute + 30*time.Second, spread: 3 * time.Minute, renew: true, expires: time.Hour,
		}, {
			name:  "pkiCert: threshold of the whole life, less jitter",
			facts: facts{kind: vaultreq.Certificate, secret: &api.Secret{}, window: live(0, 100*time.Hour)},
			at:    87*time.Hour + 30*time.Minute, spread: 5 * time.Hour, expires: 100 * time.Hour, fixed: true,
		}, {
			name:  "pkiCert found on this host in the middle of its life",
			facts: facts{kind: vaultreq.Certificate, secret: &api.Secret{}, window: live(50*time.Hour, 50*time.Hour), adopted: true},
			at:    37*time.Hour + 30*time.Minute, spread: 5 * time.Hour, expires: 50 * time.Hour, fixed: true,
		}, {
			name:  "pkiCert found on this host after its point is due at once",
			facts: facts{kind: vaultreq.Certificate, secret: &api.Secret{}, window: live(95*time.Hour, 5*time.Hour), adopted: true},
			at:    -7*time.Hour - 30*time.Minute, spread: 5 * time.Hour, expires: 5 * time.Hour, fixed: true,
		}, {
			name:  "secret's certificate found on this host has jitter to both sides",
			facts: facts{kind: vaultreq.Write, secret: &api.Secret{}, window: live(50*time.Hour, 50*time.Hour), adopted: true},
			at:    40 * time.Hour, spread: 10 * time.Hour, expires: 50 * time.Hour, fixed: true,
		}, {
			name:  "pkiCert that lives two seconds, dated back thirty",
			facts: facts{kind: vaultreq.Certificate, secret: &api.Secret{}, window: live(30*time.Second, 2*time.Second)},
			at:    time.Second, expires: 2 * time.Second, fixed: true,
		}, {
			name:  "pkiCert that is over on arrival",
			facts: facts{kind: vaultreq.Certificate, secret: &api.Secret{}, window: live(time.Hour, -time.Minute)},
			at:    262500 * time.Millisecond, spread: 15 * time.Second, expires: -time.Minute,
		}, {
			name:  "clock an hour behind: no longer than the certificate lives",
			facts: facts{kind: vaultreq.Certificate, secret: &api.Secret{}, window: live(-time.Hour, 101*time.Hour)},
			at:    87*time.Hour + 30*time.Minute, spread: 5 * time.Hour, expires: 101 * time.Hour, fixed: true,
		}, {
			name:  "clock decades behind: no longer than the certificate lives",
			facts: facts{kind: vaultreq.Write, secret: &api.Secret{}, window: live(-30*365*24*time.Hour, 30*365*24*time.Hour+time.Hour)},
			at:    54 * time.Minute, spread: 6 * time.Minute, expires: 30*365*24*time.Hour + time.Hour, fixed: true,
		}, {
			name:  "certificate of secret that expires now",
			facts: facts{kind: vaultreq.Write, secret: &api.Secret{}, window: live(time.Hour, 0)},
			at:    270 * time.Second, spread: 30 * time.Second, expires: 0,
		}, {
			name:  "certificate of secret in its last nanosecond",
			facts: facts{kind: vaultreq.Write, secret: &api.Secret{}, window: live(time.Hour, 1)},
			at:    500 * time.Millisecond, expires: 1, fixed: true,
		}, {
			name:  "pkiCert that expires now",
			facts: facts{kind: vaultreq.Certificate, secret: &api.Secret{}, window: live(time.Hour, 0)},
			at:    262500 * time.Millisecond, spread: 15 * time.Second, expires: 0,
		}, {
			name: "certificate that expires now, with a renewable lease",
			facts: facts{
				kind: vaultreq.Write, window: live(time.Hour, 0),
				secret: &api.Secret{LeaseID: "l", LeaseDuration: 3600, Renewable: true},
			},
			at: 38*time.Minute + 30*time.Second, spread: 3 * time.Minute, renew: true, expires: time.Hour,
		}, {
			name: "certificate in its last nanosecond, with a renewable lease",
			facts: facts{
				kind: vaultreq.Write, window: live(time.Hour, 1),
				secret: &api.Secret{LeaseID: "l", LeaseDuration: 3600, Renewable: true},
			},
			at: 500 * time.Millisecond, expires: 1, fixed: true,
		}, {
			name:  "certificate that ends with its lease",
			facts: facts{kind: vaultreq.Write, secret: hour, window: live(0, time.Hour)},
			at:    54 * time.Minute, spread: 6 * time.Minute, expires: time.Hour,
		}, {
			name:  "secret_id of a second",
			facts: facts{secret: &api.Secret{Data: map[string]any{"secret_id": "x", "secret_id_ttl": n("1")}}},
			at:    1800 * time.Millisecond, spread: 200 * time.Millisecond, expires: time.Second,
		}, {
			name:  "secret_id_ttl without a secret_id",
			facts: facts{secret: &api.Secret{Data: map[string]any{"secret_id_ttl": n("99")}}},
			at:    270 * time.Second, spread: 30 * time.Second, expires: never,
		}, {
			name:  "secret_id with a lease follows the lease",
			facts: facts{secret: &api.Secret{LeaseID: "l", LeaseDuration: 100, Data: map[string]any{"secret_id": "x", "secret_id_ttl": n("9")}}},
			at:    90 * time.Second, spread: 10 * time.Second, expires: 100 * time.Second,
		}, {
			name:  "ttl without rotation",
			facts: facts{secret: &api.Secret{Data: map[string]any{"ttl": n("600")}}},
			at:    270 * time.Second, spread: 30 * time.Second, expires: never,
		}, {
			name:   "threshold with a jitter of up to 1",
			facts:  facts{secret: hour},
			policy: policy{threshold: 0.95}, at: 57 * time.Minute, spread: 3 * time.Minute, expires: time.Hour,
		}, {
			name:   "threshold with a jitter of down to 0",
			facts:  facts{secret: hour},
			policy: policy{threshold: 0.05}, at: 3 * time.Minute, spread: 3 * time.Minute, expires: time.Hour,
		}, {
			name:   "pkiCert, threshold with a jitter of down to 0",
			facts:  facts{kind: vaultreq.Certificate, secret: &api.Secret{}, window: live(0, 100*time.Hour), adopted: true},
			policy: policy{threshold: 0.05}, at: 2*time.Hour + 30*time.Minute, expires: 100 * time.Hour, fixed: true,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := tt.policy
			if p.threshold == 0 {
				p.threshold = 0.9
			}
			p.static = 5 * time.Minute
			f := tt.facts
			f.asked = noon
			at := func(draw float64) time.Duration {
				f.draw = draw
				return next(f, p).at.Sub(noon)
			}
			near(t, "at", at(0.5), tt.at)
			near(t, "spread", (at(1) - at(0)).Abs(), tt.spread)
			f.draw = 0.5
			d := next(f, p)
			if d.renew != tt.renew || d.absolute != tt.fixed {
				t.Errorf("renew is %v, absolute is %v", d.renew, d.absolute)
			}
			if tt.expires == never {
				if !d.expires.IsZero() {
					t.Errorf("expires at %v, want never", d.expires)
				}
			} else {
				near(t, "expires", d.expires.Sub(noon), tt.expires)
			}
		})
	}
}

// TestRenewalLeavesTimeBeforeTheEnd: a tenth of two seconds is less than a busy host
// needs to request, publish and load a certificate.
func TestRenewalLeavesTimeBeforeTheEnd(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ life, margin time.Duration }{
		{time.Second, time.Second / 3},
		{2 * time.Second, time.Second / 2},
		{5 * time.Second, time.Second / 2},
		{20 * time.Second, time.Second},
	} {
		for _, kind := range []vaultreq.Kind{vaultreq.Read, vaultreq.Certificate} {
			d := next(facts{
				kind: kind, window: window{noon, noon.Add(tt.life), ""}, asked: noon, draw: 0.999,
				secret: &api.Secret{Data: map[string]any{}},
			}, policy{0.9, time.Minute})
			if left := d.expires.Sub(d.at); left < tt.margin-time.Millisecond {
				t.Errorf("kind %v: renewed %v before the end of %v, want %v", kind, left, tt.life, tt.margin)
			}
		}
	}
}

// near allows for what floating point loses.
func near(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if (got - want).Abs() > time.Millisecond {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// TestNextNeverLoopsNorOverflows tries the extremes: whatever arrives, the next
// question is some time away, and in this universe.
func TestNextNeverLoopsNorOverflows(t *testing.T) {
	t.Parallel()
	numbers := []int{math.MinInt, -1, 0, 1, math.MaxInt32, math.MaxInt}
	times := []time.Time{{}, time.Unix(0, 0), noon.Add(-time.Second), noon, noon.Add(time.Second), noon.AddDate(1000, 0, 0)}
	for _, lease := range numbers {
		for _, notBefore := range times {
			for _, notAfter := range times {
				for _, kind := range []vaultreq.Kind{vaultreq.Read, vaultreq.Certificate} {
					for _, renewable := range []bool{false, true} {
						for _, id := range []string{"", "l"} {
							d := next(facts{
								kind: kind, window: window{notBefore, notAfter, ""}, asked: noon, draw: 0.5,
								secret: &api.Secret{LeaseID: id, LeaseDuration: lease, Renewable: renewable, Data: map[string]any{
									"rotation_period": 1, "ttl": lease,
								}},
							}, policy{0.9, time.Minute})
							if d.at.Before(noon.Add(minDelay)) {
								t.Fatalf("lease %d, window %v to %v: asked again at once: %v", lease, notBefore, notAfter, d.at)
							}
							if d.at.Year() > 2330 {
								t.Fatalf("lease %d, window %v to %v: overflow: %v", lease, notBefore, notAfter, d.at)
							}
						}
					}
				}
			}
		}
	}
}

func TestExtended(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		gained time.Duration
		want   bool
	}{
		{"a whole lease", 20 * time.Second, true},
		{"nothing: the maximum is reached", 0, false},
		{"less than nothing", -time.Second, false},
		{"what rounding to seconds may give", 900 * time.Millisecond, false},
	} {
		if got := extended(noon, noon.Add(tt.gained), 30*time.Second); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
