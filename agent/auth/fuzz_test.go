// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/redact"
)

// FuzzLogin answers a login, a renewal, and the unwrapping of a secret id, with anything.
// There is a token whose times are in order, or a failure of a known kind with a short
// text that does not show what was sent.
func FuzzLogin(f *testing.F) {
	for _, body := range []string{
		granted("hvs.x", time.Hour, true).body, granted("hvs.x", 0, false).body, `{"auth":{"client_token":"t","lease_duration":-5,"renewable":true}}`,
		`{"auth":{"client_token":"t","lease_duration":9223372036854775807}}`, `{"auth":{"lease_duration":1e400}}`, `{"auth":{"mfa_requirement":{}}}`,
		`{"wrap_info":{"token":"t","ttl":1,"creation_time":"x"}}`, `{"wrap_info":{"token":"hvs.w","ttl":60,"creation_time":"2026-01-01T00:00:00Z"}}`,
		`{"data":{"creation_path":"auth/approle/role/web/secret-id","secret_id":"s"}}`, `{"data":{"creation_path":7,"secret_id":[]}}`,
		`{"errors":["invalid role or secret ID"]}`, `{"errors":["Vault is sealed"]}`, `{"errors":[` + strings.Repeat(`"x",`, 300) + `"y"]}`,
		"", "null", "[]", "{", "<html>", `{"data":null}`,
	} {
		for _, status := range []int{200, 204, 307, 400, 403, 404, 429, 472, 500, 501, 503} {
			f.Add(status, body, status == 200)
		}
	}
	const sent = "the-secret-id-that-was-sent"
	f.Fuzz(func(t *testing.T, status int, body string, wrapped bool) {
		if status < 100 || status > 999 {
			return
		}
		client := (&fake{answer: func(call) reply { return reply{status: status, body: body} }}).client(t)
		fine := func(err error) {
			t.Helper()
			failure := explain(err)
			if failure == nil {
				return
			}
			if text := failure.Error(); failure.Kind == "" || len(text) > 1500 || strings.Contains(text+failure.Hint, sent) && !strings.Contains(body, sent) {
				t.Errorf("kind %q, text %q", failure.Kind, text)
			}
		}
		secret, err := logIn(t.Context(), client, "auth/approle", map[string]any{"secret_id": sent}, "a hint")
		fine(err)
		if err == nil {
			token, err := newToken(secret, wrapped)
			fine(err)
			if err == nil {
				checkLease(t, token)
			}
		}
		_, err = request{method: http.MethodPut, path: "auth/token/renew-self", token: sent}.do(t.Context(), client)
		fine(err)
		description, err := Wrap(t.Context(), client, sent, time.Minute)
		if fine(err); err == nil && len(description) == 0 {
			t.Error("an empty description of a wrapping token")
		}
		var w wrappedSecretID
		id, err := w.unwrap(t.Context(), client, sent, "auth/approle/role/web/secret-id", "file")
		if fine(err); (id == "") == (err == nil) {
			t.Errorf("secret id %q, error %v", redact.Secret(id), err)
		}
		if err != nil && errors.As(err, new(*Failure)) && explain(err).Kind == Refused {
			if _, again := w.unwrap(t.Context(), client, sent, "auth/approle/role/web/secret-id", "file"); again == nil {
				t.Error("a wrapping token that was refused is accepted")
			}
		}
	})
}

func checkLease(t *testing.T, token Token) {
	t.Helper()
	if token.Value == "" {
		t.Error("an empty token")
	}
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	l := newLease(token, now)
	for _, l := range []lease{l, l.renewed(token, now), l.renewed(Token{LeaseDuration: token.LeaseDuration / 2}, now)} {
		if l.duration == 0 {
			continue
		}
		times := []time.Time{now, l.renewAt(0.99), l.renewAt(0), l.loginAt(0.99), l.loginAt(0), l.end()}
		for i := range times[1:] {
			if times[i+1].Before(times[i]) {
				t.Errorf("the times of %+v are not in order: %v", l, times)
			}
		}
	}
}
