// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev_test

import (
	"testing"
	"time"

	"github.com/certagent/certagent/dev"
	"github.com/certagent/certagent/dev/seed"
	"github.com/hashicorp/vault/api"
)

func TestTokensExpire(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := dev.New(dev.Options{Now: clock.Now})
	create := func(c *api.Client, params seed.Params) string {
		token, err := seed.Token(t.Context(), c, params)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	lives := func(token string) bool {
		_, err := client(t, s, token).Auth().Token().LookupSelfWithContext(t.Context())
		return status(t, err) == 0
	}
	short := create(root(t, s), seed.Params{"policies": []string{"root"}, "ttl": "1m"})
	child := create(client(t, s, short), seed.Params{"ttl": "1h"})
	renewed := create(root(t, s), seed.Params{"policies": []string{"default"}, "ttl": "1m", "explicit_max_ttl": "90s"})

	clock.advance(time.Minute - time.Second)
	if !lives(short) || !lives(child) || !lives(renewed) {
		t.Fatal("a token ended before its time")
	}
	if _, err := client(t, s, renewed).Auth().Token().RenewSelfWithContext(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	clock.advance(time.Second)
	if lives(short) {
		t.Error("a token outlived its TTL")
	}
	if lives(child) {
		t.Error("a child outlived its parent")
	}
	if !lives(renewed) {
		t.Error("a renewed token ended before its time")
	}
	clock.advance(30 * time.Second)
	if lives(renewed) {
		t.Error("a token outlived its explicit maximum")
	}
	if !lives(s.RootToken()) {
		t.Error("the root token expired")
	}
}

func TestSecretIDExpires(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := dev.New(dev.Options{Now: clock.Now})
	credentials, err := seed.AppRole{Role: "web", Params: seed.Params{"secret_id_ttl": "1m"}}.Apply(t.Context(), root(t, s))
	if err != nil {
		t.Fatal(err)
	}
	login := func() int {
		_, err := client(t, s, "").Logical().WriteWithContext(t.Context(), "auth/approle/login",
			seed.Params{"role_id": credentials.RoleID, "secret_id": string(credentials.SecretID)})
		return status(t, err)
	}
	if got := login(); got != 0 {
		t.Errorf("before: %d", got)
	}
	clock.advance(time.Minute)
	if got := login(); got != 400 {
		t.Errorf("after: %d", got)
	}
}

func TestWrappingTokenExpires(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := dev.New(dev.Options{Now: clock.Now})
	role := seed.AppRole{Role: "web"}
	if _, err := role.Apply(t.Context(), root(t, s)); err != nil {
		t.Fatal(err)
	}
	token, _, err := role.WrappedSecretID(t.Context(), root(t, s), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	clock.advance(time.Minute)
	if _, err := client(t, s, string(token)).Logical().UnwrapWithContext(t.Context(), ""); status(t, err) != 400 {
		t.Errorf("got %v", err)
	}
}

func TestLeaseExpires(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := dev.New(dev.Options{Now: clock.Now})
	newPKI(t, s, seed.Params{"generate_lease": true, "ttl": "1m"})
	secret, err := root(t, s).Logical().WriteWithContext(t.Context(), "pki/issue/web", seed.Params{"common_name": "a"})
	if err != nil {
		t.Fatal(err)
	}
	if secret.LeaseDuration != 60 || secret.Renewable {
		t.Errorf("lease of %d s, renewable %t", secret.LeaseDuration, secret.Renewable)
	}
	lookup := func() int {
		_, err := root(t, s).Sys().LookupWithContext(t.Context(), secret.LeaseID)
		return status(t, err)
	}
	if got := lookup(); got != 0 {
		t.Errorf("before: %d", got)
	}
	clock.advance(time.Minute)
	if got := lookup(); got != 400 {
		t.Errorf("after: %d", got)
	}
}

func TestDeletedVersionAfter(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := dev.New(dev.Options{Now: clock.Now})
	c := root(t, s)
	if _, err := c.Logical().WriteWithContext(t.Context(), "secret/metadata/x", seed.Params{"delete_version_after": "1m"}); err != nil {
		t.Fatal(err)
	}
	if err := seed.KV(t.Context(), c, "secret", 2, map[string]seed.Params{"x": {"k": "v"}}); err != nil {
		t.Fatal(err)
	}
	value := func() any {
		secret, err := c.Logical().ReadWithContext(t.Context(), "secret/data/x")
		if err != nil {
			t.Fatal(err)
		}
		return secret.Data["data"]
	}
	if value() == nil {
		t.Error("gone before its time")
	}
	clock.advance(time.Minute)
	if got := value(); got != nil {
		t.Errorf("still there: %v", got)
	}
}
