// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package redact_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"

	"github.com/certagent/certagent/redact"
)

// A secret is hidden in whatever form a server quotes it.
func TestHideForms(t *testing.T) {
	t.Parallel()
	quote := func(s string) string {
		encoded, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(encoded)
	}
	for _, secret := range []string{
		"s3cr3t-canary", "with \"quotes\" & <brackets>", "slash/plus+equals=", "größer als ASCII", "a\nsecret of\ntwo lines",
	} {
		hider := redact.NewHider([]redact.Secret{"unrelated", redact.Secret(secret), redact.Secret(secret[:6])})
		for form, text := range map[string]string{
			"plain": secret, "Go": fmt.Sprintf("%q", secret), "JSON": quote(secret), "JSON in JSON": quote(quote(secret)),
			"query": url.QueryEscape(secret), "path": url.PathEscape(secret), "HTML": html.EscapeString(secret),
			"hex":       hex.EncodeToString([]byte(secret)),
			"base64":    base64.StdEncoding.EncodeToString([]byte(secret)),
			"base64url": base64.RawURLEncoding.EncodeToString([]byte(secret)),
		} {
			hidden := hider.Hide("before " + text + " after")
			if strings.Contains(hidden, text) || !strings.Contains(hidden, redact.Mark) ||
				!strings.HasPrefix(hidden, "before ") || !strings.HasSuffix(hidden, " after") {
				t.Errorf("%q as %s: got %q", secret, form, hidden)
			}
		}
		for prefix := range 4 { // as in the header Authorization: Basic
			text := strings.Repeat("u", prefix) + ":" + secret + ":tail"
			encoded := base64.StdEncoding.EncodeToString([]byte(text))
			if hidden := hider.Hide(encoded); !strings.Contains(hidden, redact.Mark) {
				t.Errorf("%q in base64 after %d bytes: got %q", secret, prefix+1, hidden)
			}
		}
	}
}

// Secrets of others are hidden by their form; what is no secret is left alone.
func TestHideShapes(t *testing.T) {
	t.Parallel()
	var none redact.Hider
	for _, secret := range []string{
		"hvs.CAESIJ-abc_123", "hvb.AAAAAQJ123456789", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZ2VudCJ9.c2lnbmF0dXJl",
		"-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIA\n-----END EC PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nMHcCAQEEIA",
	} {
		if got := none.Hide("a " + secret); got != "a "+redact.Mark {
			t.Errorf("%q: got %q", secret, got)
		}
	}
	for _, text := range []string{
		"common name www.evil.test not allowed by this role", "403 permission denied", "hvs.", "-----BEGIN CERTIFICATE-----\nMHcC",
		"lookup vault.example.test: no such host",
	} {
		if got := redact.NewHider([]redact.Secret{"a", "no", ""}).Hide(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}
