// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certagent/certagent/vaultreq"
)

// tokenServer creates tokens of 30 s that may be renewed up to a maximum.
type tokenServer struct {
	max     time.Duration
	created atomic.Int64
	born    cell[time.Time]
	renewal cell[error] // what renewals fail with
}

func (s *tokenServer) answer(r *http.Request, _ string) (int, any) {
	const ttl = 30
	switch r.URL.Path {
	case "/v1/auth/token/create/admin":
		s.born.set(time.Now())
		return 200, auth(fmt.Sprint("child", s.created.Add(1)), ttl)
	case "/v1/auth/token/renew-self":
		if err := s.renewal.get(); err != nil {
			return 0, err
		}
		child := fmt.Sprint("child", s.created.Load())
		left := int((s.max - time.Since(s.born.get())) / time.Second)
		if r.Header.Get("X-Vault-Token") != child || left <= 0 {
			return invalidToken()
		}
		return 200, auth(child, min(ttl, left))
	}
	return 404, refusal("")
}

func auth(token string, seconds int) any {
	return map[string]any{"auth": map[string]any{"client_token": token, "lease_duration": seconds, "renewable": true}}
}

// TestTokenIsRenewed is a template with a token of thirty seconds: it stays the
// same for as long as Vault renews it, nobody is woken, and it never ends.
func TestTokenIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &tokenServer{max: time.Hour * 24}
		f := run(t, Config{}, server.answer)
		r := req(t, vaultreq.Write, "auth/token/create/admin", "meta=foo=bar")
		s := f.subscribe(r)
		if !fired(s) || answered(t, s, r).Secret.Auth.ClientToken != "child1" {
			t.Fatal("no token")
		}
		for range 600 {
			time.Sleep(time.Second)
			synctest.Wait()
			if a := answered(t, s, r); !a.ExpiresAt.After(f.wall()) {
				t.Fatalf("the token ended at %v", a.ExpiresAt)
			}
		}
		if fired(s) {
			t.Error("a renewal fired the trigger")
		}
		if n := f.vault.count("PUT /v1/auth/token/renew-self"); n < 28 || n > 33 {
			t.Errorf("%d renewals in ten minutes, want one in 18.5 to 20 s", n)
		}
		if n := server.created.Load(); n != 1 {
			t.Errorf("%d tokens were made", n)
		}
	})
}

// TestTokenAtItsMaximum: what is renewed in form only is asked for anew, in time.
func TestTokenAtItsMaximum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &tokenServer{max: 30 * time.Second}
		f := run(t, Config{}, server.answer)
		r := req(t, vaultreq.Write, "auth/token/create/admin", "ttl=30s")
		s := f.subscribe(r)
		first := answered(t, s, r)
		fired(s)
		time.Sleep(21 * time.Second)
		if !fired(s) || answered(t, s, r).Secret.Auth.ClientToken != "child2" || answered(t, s, r).Version == first.Version {
			t.Error("there is no new token at two thirds of the old one's life")
		}
		time.Sleep(10 * time.Minute)
		if n := f.vault.count("PUT"); n > 70 {
			t.Errorf("%d requests in ten minutes", n)
		}
	})
}

// TestShorterLeaseIsNoNewContent: near its maximum a token is renewed for less.
func TestShorterLeaseIsNoNewContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &tokenServer{max: 45 * time.Second}
		f := run(t, Config{}, server.answer)
		r := req(t, vaultreq.Write, "auth/token/create/admin", "ttl=30s")
		s := f.subscribe(r)
		fired(s)
		time.Sleep(25 * time.Second)
		if fired(s) {
			t.Error("a renewal for less fired the trigger")
		}
		if left := answered(t, s, r).ExpiresAt.Sub(f.wall()); left < 18*time.Second || left > 20*time.Second {
			t.Errorf("%v are left, want what the renewal gave", left)
		}
	})
}

func TestRenewalSurvivesAShortOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &tokenServer{max: time.Hour}
		f := run(t, Config{}, server.answer)
		r := req(t, vaultreq.Write, "auth/token/create/admin", "ttl=30s")
		s := f.subscribe(r)
		server.renewal.set(errors.New("connection refused"))
		time.Sleep(21 * time.Second)
		if held, err := failing(t, s, r); held == nil || err.Class != Transient {
			t.Errorf("answer %v, error %v", held, err)
		}
		server.renewal.set(nil)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if got := answered(t, s, r).Secret.Auth.ClientToken; got != "child1" {
			t.Errorf("the token is %q: an outage of seconds cost a token that was still good", got)
		}
	})
}

func TestRenewalGivesUpBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &tokenServer{max: time.Hour}
		f := run(t, Config{}, server.answer)
		r := req(t, vaultreq.Write, "auth/token/create/admin", "ttl=30s")
		s := f.subscribe(r)
		server.renewal.set(errors.New("connection reset"))
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if got := answered(t, s, r).Secret.Auth.ClientToken; got != "child2" {
			t.Errorf("the token is %q", got)
		}
	})
}

// TestLeaseOfARevokedToken is read anew when, and only when, its renewal fails.
func TestLeaseOfARevokedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int64
		var revoked cell[bool]
		var reported tokens
		f := run(t, Config{InvalidToken: reported.add}, func(r *http.Request, body string) (int, any) {
			switch {
			case r.URL.Path == "/v1/sys/leases/renew" && (revoked.get() || r.Header.Get("X-Vault-Token") == ""):
				return 400, refusal("lease not found")
			case r.URL.Path == "/v1/sys/leases/renew":
				return 200, map[string]any{"lease_id": "creds1", "lease_duration": 600, "renewable": true}
			case r.URL.Path == "/v1/database/creds/app":
				return 200, lease(fmt.Sprint("creds", reads.Add(1)), 600, true)
			}
			return 404, nil
		})
		r := req(t, vaultreq.Read, "database/creds/app")
		s := f.subscribe(r)
		fired(s)
		time.Sleep(10 * time.Minute)
		f.Authenticated("t2")
		synctest.Wait()
		if fired(s) || reads.Load() != 1 || f.vault.count("PUT /v1/sys/leases/renew") != 1 {
			t.Fatalf("%d reads, %d renewals", reads.Load(), f.vault.count("PUT"))
		}
		if got := f.vault.matching("PUT")[0].body; got != `{"lease_id":"creds1"}` {
			t.Errorf("renewal of %s", got)
		}
		revoked.set(true)
		time.Sleep(4 * time.Minute)
		if !fired(s) || answered(t, s, r).Secret.LeaseID != "creds2" || answered(t, s, r).Secret.Data["password"] != "creds2" {
			t.Error("the lease that was gone was not replaced")
		}
		if len(reported.all()) != 0 {
			t.Error("a lost lease is no invalid token")
		}
	})
}
