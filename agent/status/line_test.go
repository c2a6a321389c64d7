// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package status_test

import (
	"testing"
	"time"

	"github.com/certagent/certagent/agent/status"
)

var now = time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC)

func bundles(all ...status.Bundle) status.Agent { return status.Agent{Bundles: all} }

func TestLine(t *testing.T) {
	soon, later := now.Add(3*time.Minute+12*time.Second), now.Add(48*time.Hour)
	good := status.Bundle{Name: "a", Published: true}
	served := status.Bundle{Name: "b", Published: true, Proof: status.Served}
	waiting := status.Bundle{Name: "c", Awaits: status.Vault}
	refused := status.Bundle{Name: "d", Awaits: status.Operator}
	stuck := status.Bundle{Name: "e"}
	vetoed := status.Bundle{Name: "f", Check: status.Vetoed}
	back := status.Bundle{Name: "f", Check: status.Vetoed, Published: true}
	renewing := func(b status.Bundle, at time.Time) status.Bundle {
		b.Renews = at
		return b
	}
	owing := func(b status.Bundle, n int) status.Bundle {
		b.Owed = n
		return b
	}
	proven := func(p status.Proof) status.Bundle {
		return status.Bundle{Name: "p", Published: true, Proof: p}
	}
	for _, c := range []struct {
		name string
		of   status.Agent
		want string
	}{
		{"no bundles, no token", status.Agent{Login: status.Vault}, "waiting for Vault: not logged in"},
		{"no bundles, refused", status.Agent{Login: status.Operator, LoginError: "x"}, "cannot log in: not logged in"},
		{"no bundles, a token", status.Agent{}, "logged in, no bundles"},
		{"one", bundles(renewing(good, soon)), "1 bundle, published; next renewal 14:03:12Z"},
		{"one served", bundles(served), "1 bundle, served"},
		{"all published", bundles(good, good), "2 bundles, all published"},
		{"all served", bundles(renewing(served, later), renewing(served, soon)), "2 bundles, all served; next renewal 14:03:12Z"},
		{"one of them is to be served", bundles(good, served), "2 bundles, all published, 1 served"},
		{"one is not served", bundles(good, served, proven(status.ServedOld)), "3 bundles, all published, 1 of 2 served"},
		{"nobody serves it", bundles(proven(status.Unreachable)), "1 bundle, published, 0 of 1 served"},
		{"not known yet", bundles(proven(status.Unproven)), "1 bundle, published, 0 of 1 served"},
		{"far away", bundles(renewing(good, later)), "1 bundle, published; next renewal 2026-03-03T14:00:00Z"},
		{"just due", bundles(renewing(good, now.Add(-time.Minute))), "1 bundle, published; next renewal 13:59:00Z"},
		{"overdue", bundles(renewing(good, now.Add(-time.Hour))), "1 bundle, published; renewal overdue since 13:00:00Z"},
		{"expired", bundles(status.Bundle{Name: "x", Published: true, Expires: now.Add(-time.Second), Renews: now.Add(-time.Hour)}, good),
			"1 of 2 bundles published; expired: x; renewal overdue since 13:00:00Z"},
		{"expired while it is served", bundles(status.Bundle{Name: "x", Published: true, Proof: status.Served, Expires: now}),
			"0 of 1 bundle published; expired: x"},
		{"expired, and held back", bundles(status.Bundle{Name: "x", Published: true, Expires: now, Renews: now, Tries: soon}),
			"0 of 1 bundle published; expired: x; next attempt 14:03:12Z"},
		{"due, and held back", bundles(status.Bundle{Name: "x", Published: true, Renews: now, Tries: soon}), "1 bundle, published; next attempt 14:03:12Z"},
		{"overdue, and held back", bundles(status.Bundle{Name: "x", Published: true, Renews: now.Add(-time.Hour), Tries: later}),
			"1 bundle, published; renewal overdue since 13:00:00Z, next attempt 2026-03-03T14:00:00Z"},
		{"not logged in, and expired", status.Agent{Login: status.Vault, LoginError: "x", Bundles: []status.Bundle{{Name: "x", Published: true, Expires: now}}},
			"0 of 1 bundle published; expired: x; not logged in"},
		{"owed", bundles(owing(good, 1)), "1 bundle, published; 1 change pending"},
		{"much owed", bundles(owing(good, 2), owing(served, 1), renewing(good, soon)), "3 bundles, all published, 1 served; 3 changes pending; next renewal 14:03:12Z"},
		{"waiting", bundles(good, waiting), "waiting for Vault: 1 of 2 bundles published"},
		{"waiting, and a change owed", bundles(owing(good, 1), waiting), "waiting for Vault: 1 of 2 bundles published; 1 change pending"},
		{"cannot log in", status.Agent{Login: status.Operator, LoginError: "x", Bundles: []status.Bundle{waiting}}, "cannot log in: 0 of 1 bundle published"},
		{"Vault is down", status.Agent{Login: status.Vault, LoginError: "x", Bundles: []status.Bundle{waiting}}, "waiting for Vault: 0 of 1 bundle published"},
		{"the next login fails", status.Agent{Login: status.Vault, LoginError: "x", Bundles: []status.Bundle{good}}, "1 bundle, published; not logged in"},
		{"refused", bundles(waiting, refused), "refused by Vault: 0 of 2 bundles published"},
		{"wrong by itself", bundles(good, stuck, waiting), "1 of 3 bundles published"},
		{"vetoed", bundles(vetoed, good), "refused by the check: 1 of 2 bundles published"},
		{"vetoed, and gone back", bundles(good, back), "2 bundles, all published; refused by the check: f"},
		{"many of these", bundles(back, back, back, back, back), "5 bundles, all published; refused by the check: f, f, f and 2 more"},
	} {
		if got := c.of.Line(now); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAwaitsVault(t *testing.T) {
	good := status.Bundle{Published: true, Awaits: status.Vault} // for its next generation
	waiting := status.Bundle{Awaits: status.Vault}
	for _, c := range []struct {
		name string
		of   status.Agent
		want bool
	}{
		{"nothing at all", status.Agent{}, false},
		{"the first token", status.Agent{Login: status.Vault}, true},
		{"a renewal", bundles(good), false},
		{"a first answer", bundles(good, waiting), true},
		{"and something else", bundles(waiting, status.Bundle{}), false},
		{"and an operator", bundles(waiting, status.Bundle{Awaits: status.Operator}), false},
		{"a login that is refused", status.Agent{Login: status.Operator, Bundles: []status.Bundle{waiting}}, false},
		{"a login", status.Agent{Login: status.Vault, Bundles: []status.Bundle{waiting}}, true},
	} {
		if got := c.of.AwaitsVault(); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
