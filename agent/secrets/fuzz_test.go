// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/vaultreq"
)

// FuzzVaultsAnswer answers every kind of request with anything. There is an answer or an
// error; the error is short and does not show the token; and the next request is not made
// at once.
func FuzzVaultsAnswer(f *testing.F) {
	ca := newAuthority(f)
	issued := ca.issue(time.Hour)
	issued["ttl"], issued["expiration"] = 3600, time.Now().Add(time.Hour).Unix()
	for _, body := range []any{
		data("certificate", issued["certificate"], "private_key", issued["private_key"], "expiration", 1<<62),
		data("certificate", "-----BEGIN CERTIFICATE-----", "expiration", -1),
		data("data", map[string]any{"a": "b"}, "metadata", map[string]any{"deletion_time": "2026-01-01T00:00:00Z"}),
		data("keys", []any{"a", 1}), data("keys", []string{"b", "a"}), data("secret_id", "s", "secret_id_ttl", 1e300),
		data("rotation_period", 1, "ttl", -7), lease("database/1", 1<<62, true), lease("x", -1, true),
		map[string]any{"auth": map[string]any{"client_token": "t", "lease_duration": -1, "renewable": true}},
		map[string]any{"wrap_info": map[string]any{"token": "t", "ttl": 1}}, refusal("invalid token"),
		"", "null", "[]", "0", `"x"`, `{"data":null}`, `{"data":[]}`, "<html>", strings.Repeat("[", 1000),
		map[string]any{"warnings": []string{"a"}, "request_id": 5},
	} {
		for i, status := range []int{200, 204, 400, 403, 404, 500} {
			f.Add(uint8(i), status, answerText(f, body), answerText(f, kvMount("secret/", "2")))
		}
	}
	now := time.Now().Round(0)
	f.Fuzz(func(t *testing.T, kind uint8, status int, body, mount string) {
		if status < 100 || status > 999 {
			return
		}
		fake := &fakeVault{answer: func(r *http.Request, _ string) (int, any) {
			if strings.Contains(r.URL.Path, "/ui/mounts/") {
				return 200, mount
			}
			return status, body
		}}
		v := newVault(fake.client(t))
		path := []string{"secret/app", "pki/issue/web"}[kind/4%2]
		r := req(t, vaultreq.Kind(kind%4), path)
		const token = "hvs.the-token-of-this-test"
		answer, w, err := v.fetch(t.Context(), token, r, now)
		if err == nil && (answer == nil || answer.Secret == nil) {
			t.Fatalf("answer %v, error %v", answer, err)
		}
		if err != nil {
			if text := err.Error(); len(text) > 1000 || strings.Contains(text, token) && !strings.Contains(body+mount, token) {
				t.Errorf("the error is %q", text)
			}
			return
		}
		if !sameContent(answer, answer) {
			t.Error("an answer differs from itself")
		}
		d := next(facts{kind: r.Kind, secret: answer.Secret, window: w, asked: now, draw: 0.5}, policy{0.9, 5 * time.Minute})
		if d.at.Before(now.Add(minDelay)) {
			t.Errorf("the next request %v after this one", d.at.Sub(now))
		}
		if renewable(answer.Secret) {
			if _, err := v.renew(t.Context(), token, answer.Secret); err != nil && len(err.Error()) > 1000 {
				t.Errorf("the renewal's error is %q", err)
			}
		}
	})
}

// answerText returns a body as text.
func answerText(t testing.TB, body any) string {
	if text, ok := body.(string); ok {
		return text
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
