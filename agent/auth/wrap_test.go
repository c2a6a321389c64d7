// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"strings"
	"testing"
	"time"
)

// TestWrap: what a sink with wrap_ttl gets.
func TestWrap(t *testing.T) {
	t.Parallel()
	server := &fake{answer: func(c call) reply {
		if c.what != "PUT sys/wrapping/wrap" || c.token != "CANARY" || c.body["token"] != "CANARY" || c.wrapTTL != "10m0s" {
			return refused(400, "not what was expected")
		}
		return reply{body: `{"wrap_info":{"token":"w","ttl":600,"creation_time":"2026-11-21T12:00:00Z","creation_path":"sys/wrapping/wrap"}}`}
	}}
	client := server.client(t)
	got, err := Wrap(t.Context(), client, "CANARY", 10*time.Minute)
	const want = `{"token":"w","accessor":"","ttl":600,"creation_time":"2026-11-21T12:00:00Z",` +
		`"creation_path":"sys/wrapping/wrap","wrapped_accessor":""}` + "\n"
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", []byte(got), err)
	}
	if client.Token() != "" {
		t.Error("the client was changed")
	}
	for name, r := range map[string]reply{"refused": refused(403, "permission denied"), "not wrapped": {body: `{"data":{}}`}} {
		server.answer = func(call) reply { return r }
		if _, err := Wrap(t.Context(), client, "CANARY", time.Minute); err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
