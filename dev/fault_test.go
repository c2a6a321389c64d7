// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/certagent/certagent/dev"
	"github.com/certagent/certagent/dev/seed"
	"github.com/google/go-cmp/cmp"
)

func TestRequests(t *testing.T) {
	t.Parallel()
	s := dev.New(dev.Options{})
	c := root(t, s)
	for _, path := range []string{"secret/data/a", "nosuch/b"} {
		_, _ = c.Logical().ReadWithContext(t.Context(), path) // the request log has the result
	}
	_, _ = c.Logical().ListWithContext(t.Context(), "secret/metadata") // likewise
	want := []dev.Request{{"GET", "/v1/secret/data/a", 404}, {"GET", "/v1/nosuch/b", 404}, {"LIST", "/v1/secret/metadata", 404}}
	if diff := cmp.Diff(want, listAsLIST(s.Requests())); diff != "" {
		t.Error(diff)
	}
	s.ResetRequests()
	if got := s.RequestCount(); got != 0 {
		t.Errorf("after a reset: %d", got)
	}
}

// listAsLIST converts vault/api's GET with list=true back to LIST.
func listAsLIST(requests []dev.Request) []dev.Request {
	for i := range requests {
		if requests[i].Path == "/v1/secret/metadata" {
			requests[i].Method = "LIST"
		}
	}
	return requests
}

func TestRequestsAreBounded(t *testing.T) {
	t.Parallel()
	s := dev.New(dev.Options{})
	s.Intercept(func(w http.ResponseWriter, r *http.Request) bool { return true })
	c := http.Client{Transport: s.Transport()}
	const sent = 1<<16 + 3
	for i := range sent {
		path := "/old"
		if i >= 3 {
			path = "/new"
		}
		res, err := c.Get("http://dev.test" + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	kept := s.Requests()
	if len(kept) != 1<<16 || s.RequestCount() != sent {
		t.Fatalf("kept %d, counted %d", len(kept), s.RequestCount())
	}
	if kept[0].Path != "/new" || kept[0].Status != 200 {
		t.Errorf("the oldest kept is %+v", kept[0])
	}
}

func TestIntercept(t *testing.T) {
	t.Parallel()
	s := dev.New(dev.Options{})
	s.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v1/secret/data/x" {
			return false
		}
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	c := root(t, s)
	if _, err := c.Logical().ReadWithContext(t.Context(), "secret/data/x"); status(t, err) != 429 {
		t.Errorf("intercepted: %v", err)
	}
	if _, err := c.Auth().Token().LookupSelfWithContext(t.Context()); err != nil {
		t.Errorf("let through: %v", err)
	}
	s.Intercept(nil)
	if _, err := c.Logical().ReadWithContext(t.Context(), "secret/data/x"); err != nil {
		t.Errorf("removed: %v", err)
	}
	if got := s.Requests()[0].Status; got != 429 {
		t.Errorf("logged as %d", got)
	}
}

func TestSealAndUnseal(t *testing.T) {
	t.Parallel()
	s := dev.New(dev.Options{})
	c := root(t, s)
	if err := c.Sys().SealWithContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Logical().ReadWithContext(t.Context(), "secret/data/x"); status(t, err) != 503 {
		t.Errorf("sealed: %v", err)
	}
	if _, err := c.Sys().UnsealWithContext(t.Context(), "wrong"); status(t, err) != 400 {
		t.Errorf("wrong key: %v", err)
	}
	state, err := c.Sys().UnsealWithContext(t.Context(), s.UnsealKey())
	if err != nil || state.Sealed {
		t.Fatalf("unsealing: %+v, %v", state, err)
	}
	if _, err := c.Logical().ReadWithContext(t.Context(), "secret/data/x"); err != nil {
		t.Errorf("unsealed: %v", err)
	}
}

func TestRevokeToken(t *testing.T) {
	t.Parallel()
	s := dev.New(dev.Options{})
	token, err := seed.Token(t.Context(), root(t, s), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.RevokeToken(token)
	_, err = client(t, s, token).Auth().Token().LookupSelfWithContext(t.Context())
	if status(t, err) != 403 || !strings.Contains(err.Error(), "invalid token") {
		t.Errorf("got %v", err)
	}
}

// TestHTTPDetails sends requests that vault/api never sends.
func TestHTTPDetails(t *testing.T) {
	t.Parallel()
	s := dev.New(dev.Options{RootToken: "root"})
	cases := []struct {
		name, method, path, body string
		header                   map[string]string
		want                     int
	}{
		{"a bearer token", "GET", "/v1/auth/token/lookup-self", "", map[string]string{"Authorization": "Bearer root"}, 200},
		{"a namespace is tolerated", "GET", "/v1/auth/token/lookup-self", "", map[string]string{"X-Vault-Token": "root", "X-Vault-Namespace": "ns/"}, 200},
		{"outside the API", "GET", "/ui/", "", nil, 404},
		{"an unknown method", "PROPFIND", "/v1/sys/mounts", "", map[string]string{"X-Vault-Token": "root"}, 405},
		{"no JSON", "POST", "/v1/secret/data/x", "{", map[string]string{"X-Vault-Token": "root"}, 400},
		{"JSON null", "POST", "/v1/secret/data/x", "null", map[string]string{"X-Vault-Token": "root"}, 400},
		{"too large", "POST", "/v1/secret/data/x", `{"data":{"k":"` + strings.Repeat("x", 33<<20) + `"}}`, map[string]string{"X-Vault-Token": "root"}, 413},
		{"a wrong type", "POST", "/v1/auth/token/create", `{"policies": 5}`, map[string]string{"X-Vault-Token": "root"}, 400},
	}
	c := http.Client{Transport: s.Transport()}
	for _, tc := range cases {
		r, err := http.NewRequestWithContext(t.Context(), tc.method, "http://dev.test"+tc.path, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range tc.header {
			r.Header.Set(name, value)
		}
		res, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body) // from memory
		res.Body.Close()
		if res.StatusCode != tc.want {
			t.Errorf("%s: %d %s, want %d", tc.name, res.StatusCode, body, tc.want)
		}
	}
}
