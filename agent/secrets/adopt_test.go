// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/vaultreq"
)

// TestAdopt: what the host has is used, without a login and without Vault, until
// it is due.
func TestAdopt(t *testing.T) {
	for _, tt := range []struct {
		name        string
		kind        vaultreq.Kind
		begun, left time.Duration
		data        func(map[string]any)
		adopted     bool
		issued      int // as soon as Vault is there
	}{
		{"in the middle of its life", vaultreq.Certificate, 50 * time.Hour, 50 * time.Hour, nil, true, 0},
		{"of a plain secret", vaultreq.Write, 50 * time.Hour, 50 * time.Hour, nil, true, 0},
		{"due, but good until there is another", vaultreq.Certificate, 98 * time.Hour, 2 * time.Hour, nil, true, 1},
		{"over", vaultreq.Certificate, 100 * time.Hour, -time.Second, nil, false, 1},
		{"no certificate", vaultreq.Certificate, 50 * time.Hour, 50 * time.Hour, func(d map[string]any) { d["certificate"] = "x"; delete(d, "expiration") }, false, 1},
		{"for what is only read", vaultreq.Read, 50 * time.Hour, 50 * time.Hour, nil, false, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ca := newAuthority(t)
				held := ca.issueAt(time.Now().Add(-tt.begun), time.Now().Add(tt.left))
				if tt.data != nil {
					tt.data(held)
				}
				f := start(t, Config{Adopt: func(vaultreq.Request) (*api.Secret, bool) { return &api.Secret{Data: held}, true }},
					func(r *http.Request, _ string) (int, any) {
						if r.URL.Path == "/v1/sys/internal/ui/mounts/pki/issue/web" {
							return 404, nil
						}
						return 200, map[string]any{"data": ca.issue(100 * time.Hour)}
					})
				r := vaultreq.Request{Kind: tt.kind, Path: "pki/issue/web", Params: "{}"}
				s := f.subscribe(r)
				a, err := s.Get(r)
				if err != nil || (a != nil) != tt.adopted || a != nil && !a.Adopted {
					t.Fatalf("before the login: %v, %v", a, err)
				}
				if fired(s) != tt.adopted {
					t.Error("the trigger is wrong about it")
				}
				f.Authenticated("t1")
				synctest.Wait()
				if n := f.vault.count("PUT") + f.vault.count("GET /v1/pki"); n != tt.issued {
					t.Errorf("%d requests, want %d", n, tt.issued)
				}
				if a := answered(t, s, r); a.Adopted != (tt.issued == 0) {
					t.Errorf("adopted: %v", a.Adopted)
				}
				time.Sleep(60 * time.Hour)
				synctest.Wait()
				if tt.kind != vaultreq.Read && f.vault.count("PUT") != 1 {
					t.Errorf("%d certificates were issued in sixty hours, want 1", f.vault.count("PUT"))
				}
				if a := answered(t, s, r); a.Adopted {
					t.Error("it was never renewed")
				}
			})
		})
	}
}

// TestDroppedBeforeAdoption: the caller is not asked for what is not wanted any
// more.
func TestDroppedBeforeAdoption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := make(chan vaultreq.Request, 10)
		f := start(t, Config{Concurrency: 1, Adopt: func(r vaultreq.Request) (*api.Secret, bool) {
			asked <- r
			time.Sleep(time.Second)
			return nil, false
		}}, func(*http.Request, string) (int, any) { return 404, nil })
		a, b := req(t, vaultreq.Certificate, "pki/issue/a"), req(t, vaultreq.Certificate, "pki/issue/b")
		s := f.subscribe(a, b)
		s.Want([]vaultreq.Request{a})
		time.Sleep(time.Minute)
		if len(asked) != 1 || <-asked != a {
			t.Errorf("the caller was asked %d times more", len(asked))
		}
	})
}

// TestAdoptedAnswerSurvivesAnOutage is Vault down at start, with a good pair on
// disk.
func TestAdoptedAnswerSurvivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		held := ca.issueAt(time.Now().Add(-99*time.Hour), time.Now().Add(time.Hour))
		f := run(t, Config{Adopt: func(vaultreq.Request) (*api.Secret, bool) { return &api.Secret{Data: held}, true }},
			func(*http.Request, string) (int, any) { return 0, errors.New("connection refused") })
		r := req(t, vaultreq.Certificate, "pki/issue/web")
		s := f.subscribe(r)
		time.Sleep(30 * time.Minute)
		a, err := failing(t, s, r)
		if a == nil || !a.Adopted || err.Class != Transient {
			t.Errorf("answer %v, error %v", a, err)
		}
		if n := f.vault.count("PUT"); n < 120 || n > 1300 {
			t.Errorf("%d attempts in half an hour with a hundredth of its life left", n)
		}
	})
}
