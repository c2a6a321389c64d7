// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/certagent/certagent/dev"
	"github.com/certagent/certagent/dev/seed"
	"github.com/hashicorp/vault/api"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a clock that tests advance.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// client returns a client that calls a server without a network.
func client(t testing.TB, s *dev.Server, token string) *api.Client {
	t.Helper()
	c, err := api.NewClient(&api.Config{Address: "http://dev.test", HttpClient: &http.Client{Transport: s.Transport()}})
	if err != nil {
		t.Fatal(err)
	}
	c.SetMaxRetries(0)
	c.SetToken(token)
	return c
}

func root(t testing.TB, s *dev.Server) *api.Client { return client(t, s, s.RootToken()) }

// status returns the HTTP status of an error answer, 0 for no error.
func status(t testing.TB, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	res, ok := err.(*api.ResponseError)
	if !ok {
		t.Fatalf("not the server's error: %v", err)
	}
	return res.StatusCode
}

func newPKI(t testing.TB, s *dev.Server, params seed.Params) {
	t.Helper()
	all := seed.Params{"allow_any_name": true}
	for name, value := range params {
		all[name] = value
	}
	if _, err := (seed.PKI{Roles: map[string]seed.Params{"web": all}}).Apply(t.Context(), root(t, s)); err != nil {
		t.Fatal(err)
	}
}
