// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/vault/api"
	"go.uber.org/goleak"

	"github.com/certagent/certagent/dev"
	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/vaultreq"
)

// These tests hold the Store to a server with Vault's API, and count what the
// server saw.

// world is a dev server with PKI, both versions of KV and a token role, and a
// Store that asks it.
type world struct {
	*dev.Server
	root  *api.Client
	store *Store
	stop  func()
}

func newWorld(t testing.TB, c Config, transport func(*dev.Server) (address string, rt http.RoundTripper)) *world {
	t.Helper()
	w := &world{Server: dev.New(dev.Options{})}
	address, rt := transport(w.Server)
	w.root = clientFor(t, address, rt)
	w.root.SetToken(w.RootToken())
	ctx := t.Context()
	role := seed.Params{"allow_any_name": true, "max_ttl": "100h"}
	_, err := seed.PKI{Roles: map[string]seed.Params{"web": role}}.Apply(ctx, w.root)
	for _, err := range []error{
		err,
		seed.KV(ctx, w.root, "kv1", 1, map[string]seed.Params{"app": {"password": "one"}}),
		seed.KV(ctx, w.root, "kv2", 2, map[string]seed.Params{"app": {"password": "two"}}),
		seed.TokenRole(ctx, w.root, "admin", seed.Params{"token_period": 30}),
		seed.Policy(ctx, w.root, "agent", `
			path "pki/issue/*"             { capabilities = ["update"] }
			path "kv1/*"                   { capabilities = ["read", "list"] }
			path "kv2/*"                   { capabilities = ["read", "list"] }
			path "auth/token/create/admin" { capabilities = ["update", "sudo"] }`),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	w.ResetRequests()

	c.Client, c.Logger = clientFor(t, address, rt), slog.New(slog.DiscardHandler)
	w.store = New(c)
	runCtx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- w.store.Run(runCtx) }()
	w.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		ended <- nil
	}
	t.Cleanup(w.stop)
	return w
}

// inProcess calls the server in the caller's goroutine, as a bubble needs it.
func inProcess(s *dev.Server) (string, http.RoundTripper) {
	return "http://vault.test:8200", s.Transport()
}

// overTCP is a real listener with a real pool of connections.
func overTCP(t testing.TB) func(*dev.Server) (string, http.RoundTripper) {
	return func(s *dev.Server) (string, http.RoundTripper) {
		l, err := s.Start(context.Background(), dev.ListenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		pool := &http.Transport{MaxIdleConnsPerHost: 10}
		t.Cleanup(func() {
			pool.CloseIdleConnections()
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
		return l.URL, pool
	}
}

func clientFor(t testing.TB, address string, rt http.RoundTripper) *api.Client {
	t.Helper()
	c := api.DefaultConfig()
	c.Address, c.MaxRetries = address, 0
	c.HttpClient.Transport = rt
	client, err := api.NewClient(c)
	if err != nil {
		t.Fatal(err)
	}
	client.ClearToken()
	client.ClearNamespace()
	return client
}

// login gives the Store a token with the agent's policy.
func (w *world) login(t testing.TB) string {
	t.Helper()
	token, err := seed.Token(t.Context(), w.root, seed.Params{"policies": []string{"agent"}, "period": "24h"})
	if err != nil {
		t.Fatal(err)
	}
	w.ResetRequests()
	w.store.Authenticated(redact.Secret(token))
	return token
}

// lines are the requests that the server saw.
func (w *world) lines() []string {
	var lines []string
	for _, r := range w.Requests() {
		lines = append(lines, fmt.Sprint(r.Method, " ", r.Path, " ", r.Status))
	}
	return lines
}

func (w *world) count(line string) int {
	n := 0
	for _, l := range w.lines() {
		if l == line {
			n++
		}
	}
	return n
}

// TestThousandCertificates: one request each, and nothing of it is left running.
func TestThousandCertificates(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	t.Run("run", func(t *testing.T) {
		w := newWorld(t, Config{}, overTCP(t))
		var requests []vaultreq.Request
		for i := range 1000 {
			requests = append(requests, req(t, vaultreq.Write, "pki/issue/web", fmt.Sprintf("common_name=%d.test", i), "ttl=24h"))
		}
		s := w.store.Subscribe()
		s.Want(requests)
		w.login(t)
		serials := map[string]bool{}
		for len(serials) < len(requests) {
			<-s.C()
			for _, r := range requests {
				if a, err := s.Get(r); err != nil {
					t.Fatal(err)
				} else if a != nil {
					serials[a.Serial] = true
				}
			}
		}
		if n := w.count("PUT /v1/pki/issue/web 200"); n != 1000 || w.RequestCount() != 1000 {
			t.Errorf("%d certificates in %d requests, want 1000 in 1000", n, w.RequestCount())
		}
	})
	goleak.VerifyNone(t, leaks)
}

// TestStopWithAHangingServer ends requests in flight over real connections.
func TestStopWithAHangingServer(t *testing.T) {
	w := newWorld(t, Config{Concurrency: 5}, overTCP(t))
	arrived := make(chan struct{}, 100)
	w.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body) // only then does a server watch the connection
		arrived <- struct{}{}
		<-r.Context().Done()
		return true
	})
	s := w.store.Subscribe()
	var requests []vaultreq.Request
	for i := range 20 {
		requests = append(requests, req(t, vaultreq.Write, "pki/issue/web", fmt.Sprint("common_name=", i)))
	}
	s.Want(requests)
	w.store.Authenticated("any")
	for range 5 {
		<-arrived
	}
	w.stop()
	if len(arrived) != 0 {
		t.Errorf("%d requests beyond those in flight", len(arrived))
	}
}

// TestRotationAgainstServer is a certificate of ten seconds, for ten minutes.
func TestRotationAgainstServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{}, inProcess)
		w.login(t)
		r := req(t, vaultreq.Write, "pki/issue/web", "common_name=a.test", "ttl=10s")
		s := w.store.Subscribe()
		s.Want([]vaultreq.Request{r})
		serials := map[string]bool{}
		for begin := time.Now(); time.Since(begin) < 10*time.Minute; {
			<-s.C()
			a := answered(t, s, r)
			if left := time.Until(a.ExpiresAt); left < 9*time.Second || left > 10*time.Second {
				t.Fatalf("a fresh certificate of 10 s has %v left", left)
			}
			serials[a.Serial] = true
		}
		if n := int(w.RequestCount()); len(serials) != n || n < 62 || n > 80 {
			t.Errorf("%d certificates in %d requests in ten minutes", len(serials), n)
		}
	})
}

// TestKVAgainstServer reads both versions, sees a change, and keeps what it has
// when the secret is deleted.
func TestKVAgainstServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{}, inProcess)
		w.login(t)
		one, two, list := req(t, vaultreq.Read, "kv1/app"), req(t, vaultreq.Read, "kv2/app"), req(t, vaultreq.List, "kv2")
		s := w.store.Subscribe()
		s.Want([]vaultreq.Request{one, two, list})
		synctest.Wait()
		lines := w.lines()
		slices.Sort(lines)
		want := []string{
			"GET /v1/kv1/app 200", "GET /v1/kv2/data/app 200", "GET /v1/kv2/metadata 200",
			"GET /v1/sys/internal/ui/mounts/kv1/app 200",
		}
		if i := slices.IndexFunc(lines, func(l string) bool {
			return l == "GET /v1/sys/internal/ui/mounts/kv2/app 200" || l == "GET /v1/sys/internal/ui/mounts/kv2 200"
		}); i < 0 || !slices.Equal(slices.Delete(slices.Clone(lines), i, i+1), want) {
			t.Fatalf("requests: %q", lines)
		}
		password := func() any { return answered(t, s, two).Secret.Data["data"].(map[string]any)["password"] }
		if got := answered(t, s, one).Secret.Data["password"]; got != "one" || password() != "two" {
			t.Errorf("passwords %v and %v", got, password())
		}
		if got := answered(t, s, list).Keys; !slices.Equal(got, []string{"app"}) {
			t.Errorf("keys %q", got)
		}
		fired(s)

		if err := seed.KV(t.Context(), w.root, "kv2", 2, map[string]seed.Params{"app": {"password": "three"}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		if !fired(s) || password() != "three" {
			t.Errorf("the change was not seen: %v", password())
		}
		if _, err := w.root.Logical().DeleteWithContext(t.Context(), "kv2/data/app"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		held, err := failing(t, s, two)
		if err.Class != NotFound || held == nil || err.cause.Error() != "no secret exists at kv2/data/app" {
			t.Errorf("after the deletion: %v, %v: %v", held, err.Class, err)
		}
	})
}

// TestIssuerAgainstServer sees that a mount's default issuer is another one, with
// one request for each look, and keeps what it knows of one that can no longer
// sign.
func TestIssuerAgainstServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{}, inProcess)
		w.login(t)
		r := req(t, vaultreq.Read, "pki/cert/ca")
		s := w.store.Subscribe()
		s.Want([]vaultreq.Request{r})
		synctest.Wait()
		first := answered(t, s, r)
		fired(s)
		time.Sleep(time.Hour)
		if fired(s) || answered(t, s, r).Version != first.Version {
			t.Error("it is said to have changed")
		}

		write := func(path string, params map[string]any) *api.Secret {
			t.Helper()
			answer, err := w.root.Logical().WriteWithContext(t.Context(), path, params)
			if err != nil {
				t.Fatal(err)
			}
			return answer
		}
		next := write("pki/root/rotate/internal", map[string]any{"common_name": "next", "key_type": "ec", "ttl": "1000h"})
		time.Sleep(5 * time.Minute)
		if fired(s) {
			t.Error("a root that is not in use counts")
		}
		write("pki/root/replace", nil)
		time.Sleep(5 * time.Minute)
		if want := next.Data["certificate"]; !fired(s) || answered(t, s, r).Secret.Data["certificate"] != want {
			t.Error("the new root was not seen")
		}
		if ca := write("pki/issue/web", map[string]any{"common_name": "a.test"}).Data["issuing_ca"]; ca != next.Data["certificate"] {
			t.Errorf("issued by %v", ca)
		}

		if _, err := w.root.Logical().DeleteWithContext(t.Context(), "pki/issuer/next"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if held, err := failing(t, s, r); err.Class != Refused || held == nil {
			t.Errorf("without a default issuer: %v, %v", held, err)
		}
		w.stop()
		for _, line := range w.lines() {
			if strings.HasPrefix(line, "GET /v1/sys/") {
				t.Errorf("the mount was looked up: %s", line)
			}
		}
		if n := w.count("GET /v1/pki/cert/ca 200"); n < 14 || n > 20 {
			t.Errorf("%d looks in an hour and ten minutes", n)
		}
	})
}

// TestTokenAgainstServer is the API token of thirty seconds as a file.
func TestTokenAgainstServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{}, inProcess)
		w.login(t)
		r := req(t, vaultreq.Write, "auth/token/create/admin", "meta=foo=bar")
		s := w.store.Subscribe()
		s.Want([]vaultreq.Request{r})
		synctest.Wait()
		child := answered(t, s, r).Secret.Auth.ClientToken
		for range 300 {
			time.Sleep(time.Second)
			synctest.Wait()
			if got := answered(t, s, r); got.Secret.Auth.ClientToken != child || time.Until(got.ExpiresAt) <= 0 {
				t.Fatalf("the token changed, or ended at %v", got.ExpiresAt)
			}
		}
		user := clientFor(t, "http://vault.test:8200", w.Transport())
		user.SetToken(child)
		if _, err := user.Auth().Token().LookupSelfWithContext(t.Context()); err != nil {
			t.Errorf("five minutes later: %v", err)
		}
		if made, renewed := w.count("PUT /v1/auth/token/create/admin 200"), w.count("PUT /v1/auth/token/renew-self 200"); made != 1 || renewed < 14 || renewed > 17 {
			t.Errorf("%d tokens, %d renewals", made, renewed)
		}
	})
}

// TestRevokedTokenAgainstServer: the agent's token is revoked, and with it the
// tokens made with it. Certificates stay; nothing storms.
func TestRevokedTokenAgainstServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported tokens
		w := newWorld(t, Config{InvalidToken: reported.add}, inProcess)
		first := w.login(t)
		certificate, child := req(t, vaultreq.Write, "pki/issue/web", "common_name=a.test", "ttl=24h"), req(t, vaultreq.Write, "auth/token/create/admin", "meta=a=b")
		s := w.store.Subscribe()
		s.Want([]vaultreq.Request{certificate, child})
		synctest.Wait()
		before := answered(t, s, child)
		w.RevokeToken(first)
		time.Sleep(25 * time.Second)
		synctest.Wait()
		if held, err := failing(t, s, child); err.Class != InvalidToken || held != before {
			t.Errorf("%v, %v", held, err)
		}
		if got := reported.all(); !slices.Equal(got, []redact.Secret{redact.Secret(first)}) {
			t.Fatalf("%d reports of invalid tokens", len(got))
		}
		w.login(t)
		synctest.Wait()
		if got := answered(t, s, child); got.Secret.Auth.ClientToken == before.Secret.Auth.ClientToken {
			t.Error("the token's child was not replaced")
		}
		answered(t, s, certificate)
		if lines := w.lines(); !slices.Equal(lines, []string{"PUT /v1/auth/token/create/admin 200"}) {
			t.Errorf("requests after the new login: %q", lines)
		}
	})
}

// TestSealedAtStart: everything is answered as soon as it can be.
func TestSealedAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{}, inProcess)
		w.login(t)
		w.Seal()
		r := req(t, vaultreq.Write, "pki/issue/web", "common_name=a.test", "ttl=1h")
		s := w.store.Subscribe()
		s.Want([]vaultreq.Request{r})
		time.Sleep(30 * time.Minute)
		if _, err := failing(t, s, r); err.Class != Transient || err.Status != 503 || !err.Exhausted {
			t.Errorf("%v", err)
		}
		if n := w.RequestCount(); n < 30 || n > 100 {
			t.Errorf("%d requests in half an hour of being sealed", n)
		}
		w.Unseal()
		time.Sleep(time.Minute)
		synctest.Wait()
		answered(t, s, r)
	})
}
