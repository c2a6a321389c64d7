// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/logmsg"
)

// noSink is login without its sink.
func noSink() string {
	before, rest, _ := strings.Cut(login, "  sink \"file\"")
	_, after, _ := strings.Cut(rest, "  }\n")
	return before + after
}

// Whatever a one-shot run waits for, it ends after -timeout, with the exit code of that,
// and names it.
func TestOneShotRunEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		text func(w *world) string
		code int
		says string
	}{
		{"no login", func(w *world) string { w.Dev.Seal(); return login + password("") }, 4, `waiting for a login: .*Vault is sealed.*; for bundle`},
		{"login refused", func(w *world) string {
			w.Write("secretid", "11111111-2222-3333-4444-555555555555")
			return login + password("")
		}, 4, `waiting for a login: `},
		{"no such secret", func(*world) string { return login + strings.Replace(password(""), "data/app", "data/none", 1) }, 5, `waiting for bundle .*no secret exists`},
		{"no such role", func(*world) string { return login + webBlock("pki/nobody", "") }, 5, `waiting for bundle \\"web\\": .*pki/sign/nobody`},
		{"a template that fails", func(*world) string {
			return login + strings.Replace(password("error_on_missing_key = true"), "data.password", "data.none", 1)
		}, 5, `waiting for bundle .*none`},
		{"no password", keystore, 5, `waiting for bundle \\"web\\": reading the password: .*no such file or directory`},
		{"no directory", func(*world) string {
			return login + strings.Replace(password(""), "DIR/password", "DIR/roleid/password", 1)
		}, 6, `waiting for bundle .*not a directory`},
		{"a check that refuses", func(*world) string { return login + webBlock("pki/web", `check { command = ["false"] }`) }, 7, `waiting for bundle \\"web\\": .*exit code 1`},
		{"a check that does not end", func(*world) string { return login + webBlock("pki/web", `check { command = ["sleep", "60"] }`) }, 7,
			`waiting for bundle \\"web\\": it is at the step check`},
		{"a command that does not end", func(*world) string {
			return login + webBlock("pki/web", `command = ["sleep", "60"]`)
		}, 7, `waiting for bundle \\"web\\": it is at the step react`},
		{"no answer", func(w *world) string {
			w.Dev.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
				asked := strings.Contains(r.URL.Path, "/pki/sign/")
				if asked {
					_, _ = io.Copy(io.Discard, r.Body)
					<-r.Context().Done()
				}
				return asked
			})
			return login + webBlock("pki/web", "")
		}, 5, `waiting for bundle \\"web\\": Vault has not answered`},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			p := w.start(c.text(w), "-once", "-timeout=2s")
			p.Says(logmsg.ExitingOnError + ` error="not done after 2s; ` + c.says)
			p.Ends(c.code)
			p.leavesNothing()
		})
	}
}

// A one-shot run that cannot have the certificate that is configured is not done, although
// there is one with other names.
func TestOneShotRunWithOtherNames(t *testing.T) {
	for _, c := range []struct {
		name, role, more string
		says             string
	}{
		{"too often", "pki/web", "max_issues_per_hour = 1", `certificate .* is not issued before .*: max_issues_per_hour is reached`},
		{"refused", "pki/strict", "", `common name other.test not allowed by this role`},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			_, err := w.Client.Logical().Write("pki/roles/strict", map[string]any{"allowed_domains": "example.test", "allow_bare_domains": true, "key_type": "ec"})
			w.Check(err)
			text := login + webBlock(c.role, "change_mode = \"noop\"\n"+c.more)
			w.start(text, "-once").Ends(exitOK)
			before := w.Read(certFile)
			p := w.start(strings.Replace(text, `"example.test"`, `"other.test"`, 1), "-once", "-timeout=2s")
			p.Says(`not done after 2s; waiting for bundle \\"web\\": .*` + c.says)
			p.Ends(5)
			if w.Read(certFile) != before {
				t.Error("something was published")
			}
		})
	}
}

// Without -once, there is no time-out unless one is given.
func TestTimeoutOfVaultAgentsOneShotRun(t *testing.T) {
	w := newWorld(t)
	w.Dev.Seal()
	p := w.start(login+password("")+"exit_after_auth = true", "-timeout=1s")
	p.Says(`not done after 1s; waiting for a login`)
	p.Ends(4)
	p = w.start(login+password(""), "-timeout=1s")
	p.Says("certagent: error: -timeout is for a run that ends\ncertagent: hint: add -once")
	p.Ends(2)
	p = w.start(login+password(""), "-once", "-timeout=soon")
	p.Says(`-timeout.*must be a duration`)
	p.Ends(2)
	p = w.start(login+password(""), "-once", "-timeout=0")
	p.Says(`Vault is sealed`)
	w.Dev.Unseal()
	p.Says(logmsg.Finished + ` renewed=1 kept=0\n$`)
	p.Ends(0)
}

// The token of a -once run is revoked at its end, unless somebody uses it.
func TestTokenOfAOneShotRun(t *testing.T) {
	const revoke = "/v1/auth/token/revoke-self"
	for _, c := range []struct {
		name  string
		text  func(w *world) string
		flag  string
		times int
	}{
		{"its own", func(*world) string { return noSink() + password("") }, "-once", 1},
		{"a certificate", func(*world) string { return noSink() + webBlock("pki/web", "") }, "-once", 1},
		{"in a sink", func(*world) string { return login + password("") }, "-once", 0},
		{"Vault Agent's flag", func(*world) string { return noSink() + password("") }, "-exit-after-auth", 0},
		{"of a file", func(w *world) string {
			w.Write("given", w.Dev.RootToken())
			return `
vault { address = "ADDRESS" }
auto_auth {
  method "token_file" { config = { token_file_path = "DIR/given" } }
}
` + password("")
		}, "-once", 0},
		{"with a lease", func(w *world) string {
			_, err := w.Client.Logical().WriteWithContext(w.Context(), "pki/roles/web", map[string]any{
				"allow_any_name": true, "enforce_hostnames": false, "generate_lease": true, "ttl": "1h", "key_type": "any"})
			w.Check(err)
			return noSink() + webBlock("pki/web", "")
		}, "-once", 0},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			text := c.text(w)
			w.Dev.ResetRequests()
			p := w.start(text, c.flag)
			p.Says(logmsg.Finished + ` renewed=1 kept=0\n$`)
			p.Ends(0)
			if n := w.Asked("PUT", revoke); n != c.times {
				t.Errorf("the token was revoked %d times, want %d", n, c.times)
			}
			p = w.start(text, c.flag) // of a certificate, all is there already
			p.Says(logmsg.Finished + ` renewed=0 kept=1\n$`)
			p.Ends(0)
		})
	}
}

// A Vault that does not answer when the token is to be revoked delays the end by two
// seconds, and changes nothing else.
func TestTokenThatCannotBeRevoked(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"no answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"refused":   answers(400, `{"errors":["batch tokens cannot be revoked"]}`),
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			w.Dev.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
				revokes := strings.HasSuffix(r.URL.Path, "revoke-self")
				if revokes {
					answer(rw, r)
				}
				return revokes
			})
			begun := time.Now()
			p := w.start(noSink()+password(""), "-once")
			p.Says(logmsg.Finished + ` renewed=1 kept=0\n$`)
			p.Ends(0)
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("the run took %v", took)
			}
		})
	}
}
