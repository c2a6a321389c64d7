// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/settings"
)

const wrappedAt = "auth/approle/role/web/secret-id"

// wrapping is a server that holds one wrapped secret id.
type wrapping struct {
	token    string
	created  string
	secretID string
	fault    *reply // what it answers to unwrap instead
}

func (w *wrapping) answer(c call) reply {
	switch c.what {
	case "PUT sys/wrapping/lookup":
		if c.token != "" || c.body["token"] != w.token {
			return refused(400, "wrapping token is not valid or does not exist")
		}
		return reply{body: `{"data":{"creation_path":"` + w.created + `"}}`}
	case "PUT sys/wrapping/unwrap":
		if w.fault != nil {
			return *w.fault
		}
		if c.token != w.token {
			return refused(400, "wrapping token is not valid or does not exist")
		}
		w.token = "used up"
		return reply{body: `{"data":{"secret_id":"` + w.secretID + `"}}`}
	case "PUT auth/approle/login":
		if c.body["secret_id"] != w.secretID {
			return refused(400, "invalid role or secret ID")
		}
		return granted("t", time.Hour, true)
	}
	return refused(404, "no handler for "+c.what)
}

func newWrapped(t *testing.T, remove bool) (*wrapping, *fake, *AppRole) {
	w := &wrapping{token: "hvs.CANARY-wrapping", created: wrappedAt, secretID: "CANARY-secret-id"}
	server := &fake{}
	server.answer = func(c call) reply { return w.answer(c) }
	return w, server, &AppRole{AppRole: settings.AppRole{
		RoleIDFile: file(t, "role", "r"), SecretIDFile: file(t, "secret", w.token+"\n"), RemoveSecretIDFile: remove, WrappingPath: wrappedAt,
	}}
}

// TestWrappedSecretID: unwrapped once, used at each login, whether or not the
// file with the used-up wrapping token is still there.
func TestWrappedSecretID(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]bool{"removed": true, "kept": false} {
		t.Run(name, func(t *testing.T) {
			w, server, method := newWrapped(t, remove)
			for range 3 {
				if _, err := method.Login(t.Context(), server.client(t)); err != nil {
					t.Fatal(err)
				}
			}
			if n := len(server.seen("PUT sys/wrapping/unwrap")); n != 1 {
				t.Errorf("unwrapped %d times, want once", n)
			}
			if exists(method.SecretIDFile) == remove {
				t.Errorf("the file is there: %t", exists(method.SecretIDFile))
			}
			w.token, w.secretID = "hvs.second", "second"
			write(t, method.SecretIDFile, w.token)
			if _, err := method.Login(t.Context(), server.client(t)); err != nil {
				t.Errorf("with a new wrapping token: %v", err)
			}
		})
	}
}

// TestUnusableWrappingToken: each is a security warning with a way out, and the
// server is asked about each token once.
func TestUnusableWrappingToken(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil   func(*wrapping)
		want    string
		unwraps int
	}{
		"unwrapped already": {func(w *wrapping) { w.token = "gone" }, "has been unwrapped already", 0},
		"made elsewhere":    {func(w *wrapping) { w.created = "auth/approle/role/evil/secret-id" }, `at "auth/approle/role/evil/secret-id", not at "` + wrappedAt, 0},
		"lost in the race": {func(w *wrapping) {
			r := refused(400, "wrapping token is not valid or does not exist")
			w.fault = &r
		}, "has been unwrapped already", 1},
		"holds something else": {func(w *wrapping) { w.fault = &reply{body: `{"data":{"k":"v"}}`} }, "contains no secret id", 1},
	} {
		t.Run(name, func(t *testing.T) {
			w, server, method := newWrapped(t, true)
			test.spoil(w)
			var asked int
			for attempt := range 3 {
				_, err := method.Login(t.Context(), server.client(t))
				var failure *Failure
				if !errors.As(err, &failure) || failure.Kind != Refused || failure.Hint == "" || !strings.Contains(err.Error(), test.want) {
					t.Fatalf("got %v, want a refusal that says %q", err, test.want)
				}
				if strings.Contains(err.Error()+failure.Hint, "CANARY") {
					t.Errorf("the error shows the token: %v", err)
				}
				if attempt == 0 {
					asked = len(server.seen(""))
				}
			}
			if len(server.seen("")) != asked {
				t.Errorf("%d requests in three attempts, want the %d of the first", len(server.seen("")), asked)
			}
			if n := len(server.seen("PUT sys/wrapping/unwrap")); n != test.unwraps {
				t.Errorf("unwrapped %d times, want %d", n, test.unwraps)
			}
			if !exists(method.SecretIDFile) {
				t.Error("the evidence was removed")
			}
		})
	}
}

// TestWrappingTokenOutlivesAnOutage: a sealed Vault says nothing about a token.
func TestWrappingTokenOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	w, server, method := newWrapped(t, true)
	down := true
	server.answer = func(c call) reply {
		if down {
			return refused(503, "Vault is sealed")
		}
		return w.answer(c)
	}
	_, err := method.Login(t.Context(), server.client(t))
	if f := explain(err); f == nil || f.Kind != Sealed || !exists(method.SecretIDFile) {
		t.Fatalf("sealed: got %v, file there: %t", err, exists(method.SecretIDFile))
	}
	down = false
	if _, err := method.Login(t.Context(), server.client(t)); err != nil {
		t.Errorf("unsealed: %v", err)
	}
}
