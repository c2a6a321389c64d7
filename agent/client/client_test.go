// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/settings"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"":                            "https://127.0.0.1:8200",
		"https://vault.test:8200/":    "https://vault.test:8200",
		" http://[::1]:8200 ":         "http://[::1]:8200",
		"https://vault.test/a/prefix": "https://vault.test/a/prefix",
		"unix:///run/vault.sock":      "http://localhost",
		"vault.test:8200":             "",
		"127.0.0.1:8200":              "",
		"ftp://vault.test":            "",
		"https://":                    "",
		"unix://":                     "",
		"https://u:sesame@a b":        "",
	} {
		client, err := New(at(address))
		switch {
		case want == "" && err == nil:
			t.Errorf("%q was accepted", address)
		case want == "" && strings.Contains(err.Error(), "sesame"):
			t.Errorf("%q: the password is in the error: %v", address, err)
		case want != "" && err != nil:
			t.Errorf("%q: %v", address, err)
		case want != "" && client.Address() != want:
			t.Errorf("%q: got %q, want %q", address, client.Address(), want)
		}
	}
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(answer)) }))
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	if err := read(build(t, at("unix://"+socket))); err != nil {
		t.Error(err)
	}
}

func TestLongAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		announce bool
		status   int
	}{
		"announced":     {true, 200},
		"not announced": {false, 200},
		"in an error":   {false, 502},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t, func(w http.ResponseWriter, _ *http.Request) {
				const size = maxBody + 1
				if test.announce {
					w.Header().Set("Content-Length", fmt.Sprint(size))
				}
				w.WriteHeader(test.status)
				io.WriteString(w, strings.Repeat("x", size))
			})
			if err := read(build(t, at(server.URL))); !errors.Is(err, errTooLong{}) {
				t.Errorf("got %v, want %v", err, errTooLong{})
			}
		})
	}
}

func TestBodyAsLongAsAllowed(t *testing.T) {
	t.Parallel()
	for over, want := range map[int64]error{0: nil, 1: errTooLong{}} {
		body := io.NopCloser(io.LimitReader(zeros{}, maxBody+over))
		response := &http.Response{ContentLength: -1, Body: body}
		if err := (&transport{large: make(chan struct{}, 1)}).boundBody(t.Context(), response); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); !errors.Is(err, want) {
			t.Errorf("%d bytes over: got %v, want %v", over, err, want)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestRedirects(t *testing.T) {
	secure := newAuthority(t)
	var plain, safe *httptest.Server
	var leaked atomic.Int64
	serve := func(scheme string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/v1/secret/x":
				w.Write([]byte(answer))
			case "/v1/down":
				http.Redirect(w, r, plain.URL+"/v1/leak", http.StatusTemporaryRedirect)
			case "/v1/leak":
				leaked.Add(1)
			case "/v1/once":
				http.Redirect(w, r, "/v1/secret/x", http.StatusTemporaryRedirect)
			case "/v1/other":
				http.Redirect(w, r, "/v1/secret/x", http.StatusPermanentRedirect)
			}
		}
	}
	plain, safe = start(t, serve("http")), startTLS(t, secure, nil, serve("https"))
	config := Config{Vault: settings.Vault{Address: safe.URL, CACert: write(t, t.TempDir(), "ca", secure.pem)}}
	client := build(t, config)
	client.SetToken("hvs.CANARY")

	if secret, err := client.Logical().Read("once"); err != nil || secret == nil || secret.Data["k"] != "v" {
		t.Errorf("a redirect was not followed: %v, %v", secret, err)
	}
	if _, err := client.Logical().Read("down"); err == nil || leaked.Load() > 0 {
		t.Errorf("a redirect to http was followed %d times, error %v", leaked.Load(), err)
	}
	if secret, err := client.Logical().Read("other"); err == nil || !strings.Contains(err.Error(), "status 308") {
		t.Errorf("a redirect that is not followed: got %v, %v, want an error with its status", secret, err)
	}
	t.Setenv(api.EnvVaultDisableRedirects, "true")
	if secret, err := build(t, config).Logical().Read("once"); err == nil || !strings.Contains(err.Error(), "redirected to https://") {
		t.Errorf("with redirects disabled: got %v, %v, want an error that names the target", secret, err)
	}
}

// TestFailureCostsNoConnection: go-retryablehttp closes a client's idle
// connections after a failed request, which must not reach the others'.
func TestFailureCostsNoConnection(t *testing.T) {
	t.Parallel()
	connections := map[string]bool{}
	server := start(t, func(w http.ResponseWriter, r *http.Request) {
		connections[r.RemoteAddr] = true
		if r.URL.Path == "/v1/bad" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		w.Write([]byte(answer))
	})
	client := build(t, at(server.URL))
	for range 5 {
		if _, err := client.Logical().Read("bad"); err == nil {
			t.Fatal("a status of 500 is no error")
		}
		if err := read(client); err != nil {
			t.Fatal(err)
		}
	}
	if len(connections) != 1 {
		t.Errorf("%d connections, want 1", len(connections))
	}
}

func TestDisableKeepAlivesAndIdle(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config Config
		want   int
	}{
		"kept":                {Config{}, 1},
		"disable idle":        {Config{DisableIdle: true}, 3},
		"disable keep-alives": {Config{DisableKeepAlives: true}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			connections := map[string]bool{}
			server := start(t, func(w http.ResponseWriter, r *http.Request) {
				connections[r.RemoteAddr] = true
				w.Write([]byte(answer))
			})
			test.config.Address = server.URL
			client := build(t, test.config)
			for range 3 {
				if err := read(client); err != nil {
					t.Fatal(err)
				}
			}
			if len(connections) != test.want {
				t.Errorf("%d connections for 3 requests, want %d", len(connections), test.want)
			}
		})
	}
}

func TestMaxConnsPerHost(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	connections := map[string]bool{}
	server := start(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		connections[r.RemoteAddr] = true
		w.Write([]byte(answer))
	})
	client := build(t, Config{Vault: settings.Vault{Address: server.URL}, MaxConnsPerHost: 2})
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if err := read(client); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(connections); n > 2 {
		t.Errorf("%d connections, want at most 2", n)
	}
}
