// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/settings"
)

// TestEnvironmentIsNotTakenForConfig: what Config decides the environment must
// not decide again, and a token in it is nobody's.
func TestEnvironmentIsNotTakenForConfig(t *testing.T) {
	var header http.Header
	server := start(t, func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		w.Write([]byte(answer))
	})
	t.Setenv(api.EnvVaultToken, "hvs.CANARY")
	t.Setenv(api.EnvVaultAddress, "http://192.0.2.1:1")
	t.Setenv(api.EnvVaultAgentAddr, "http://192.0.2.1:1")
	t.Setenv(api.EnvVaultNamespace, "environment")
	t.Setenv(api.EnvVaultWrapTTL, "5m")
	t.Setenv(api.EnvVaultHeaders, `{"X-Mine":"yes"}`)

	if err := read(build(t, at(server.URL))); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"X-Vault-Token": "", "X-Vault-Namespace": "", "X-Vault-Wrap-Ttl": "", "X-Vault-Request": "true", "X-Mine": "yes",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if err := read(build(t, Config{Vault: settings.Vault{Address: server.URL, Namespace: "team"}})); err != nil {
		t.Fatal(err)
	}
	if got := header.Get("X-Vault-Namespace"); got != "team" {
		t.Errorf("namespace: got %q", got)
	}
}

func TestRetriesAreOffUnlessAskedFor(t *testing.T) {
	requests := 0
	server := start(t, func(w http.ResponseWriter, _ *http.Request) {
		requests++
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	if err := read(build(t, at(server.URL))); err == nil || requests != 1 {
		t.Errorf("%d requests, want 1; error %v", requests, err)
	}
	requests = 0
	t.Setenv(api.EnvVaultMaxRetries, "2")
	if err := read(build(t, at(server.URL))); err == nil || requests != 3 {
		t.Errorf("with VAULT_MAX_RETRIES=2: %d requests, want 3; error %v", requests, err)
	}
}

func TestCABytes(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	server := startTLS(t, ca, nil, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(answer)) })
	t.Setenv(api.EnvVaultCACertBytes, string(ca.pem))
	if err := read(build(t, at(server.URL))); err != nil {
		t.Errorf("alone: %v", err)
	}
	otherFile := write(t, t.TempDir(), "other", other.pem)
	if err := read(build(t, Config{Vault: settings.Vault{Address: server.URL, CACert: otherFile}})); err == nil {
		t.Error("beat ca_cert, which is to beat it")
	}
}

func TestRateLimit(t *testing.T) {
	for value, want := range map[string]struct {
		limited bool
		burst   int
	}{"": {}, "0": {}, "0.5": {true, 1}, "20": {true, 20}, "20:40": {true, 40}} {
		t.Setenv(api.EnvRateLimit, value)
		limiter := build(t, Config{}).Limiter()
		if (limiter != nil) != want.limited || limiter != nil && limiter.Burst() != want.burst {
			t.Errorf("%q: got %+v, want %+v", value, limiter, want)
		}
	}
}

func TestProxy(t *testing.T) {
	asked := ""
	proxy := start(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Host
		w.Write([]byte(answer))
	})
	for _, env := range []map[string]string{
		{api.EnvHTTPProxy: proxy.URL},
		{api.EnvHTTPProxy: "http://192.0.2.1:1", api.EnvVaultProxyAddr: proxy.URL},
	} {
		for name, value := range env {
			t.Setenv(name, value)
		}
		asked = ""
		if err := read(build(t, at("http://vault.test:8200"))); err != nil || asked != "vault.test:8200" {
			t.Errorf("%v: the proxy was asked for %q, error %v", env, asked, err)
		}
	}
}

func TestBadEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		api.EnvVaultClientTimeout:    "-1s",
		api.EnvVaultMaxRetries:       "many",
		api.EnvRateLimit:             "-3",
		api.EnvVaultSkipVerify:       "yes",
		api.EnvVaultSRVLookup:        "yes",
		api.EnvVaultDisableRedirects: "yes",
		api.EnvVaultProxyAddr:        "proxy:3128",
		api.EnvHTTPProxy:             "proxy:3128",
		api.EnvVaultHeaders:          "{",
		api.EnvVaultCACertBytes:      "garbage",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			_, err := New(Config{})
			if err == nil {
				t.Fatalf("%q was accepted", value)
			}
			if !strings.Contains(err.Error(), name) && !strings.Contains(err.Error(), "VAULT_*") {
				t.Errorf("the error does not say that it is the environment: %v", err)
			}
		})
	}
}

// TestTimeout: a server that sends a byte and then nothing must not hold a
// request for longer than VAULT_CLIENT_TIMEOUT.
func TestTimeout(t *testing.T) {
	t.Setenv(api.EnvVaultClientTimeout, "50ms")
	release := make(chan struct{})
	server := start(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("{"))
		w.(http.Flusher).Flush()
		<-release
	})
	t.Cleanup(func() { close(release) })
	if err := read(build(t, at(server.URL))); err == nil || !strings.Contains(err.Error(), "deadline exceeded") {
		t.Errorf("got %v, want an exceeded deadline", err)
	}
}
