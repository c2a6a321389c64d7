// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/settings"
)

const login = "PUT auth/approle/login"

// running is a loop under test, in a bubble.
type running struct {
	*Loop
	t      *testing.T
	log    *journal
	news   chan struct{}
	cancel context.CancelFunc
	done   chan error

	mu     sync.Mutex
	tokens []Token
}

// run starts a loop that logs in by AppRole at the fake, unless change says
// otherwise.
func run(t *testing.T, server *fake, change func(*Loop)) *running {
	t.Helper()
	r := &running{t: t, log: &journal{}, news: make(chan struct{}, 1), done: make(chan error, 1)}
	r.Loop = &Loop{
		Method:         &AppRole{AppRole: settings.AppRole{RoleIDFile: file(t, "role", "r"), SecretIDFile: file(t, "secret", "CANARY-secret-id")}},
		Client:         server.client(t),
		NewCredentials: r.news,
		Logger:         r.log.logger(),
		Deliver: func(token Token) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.tokens = append(r.tokens, token)
		},
	}
	if change != nil {
		change(r.Loop)
	}
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(t.Context())
	go func() { r.done <- r.Run(ctx) }()
	synctest.Wait()
	return r
}

// pass lets time pass.
func (r *running) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// credential delivers a new secret id.
func (r *running) credential(secretID string) {
	r.t.Helper()
	write(r.t, r.Method.(*AppRole).SecretIDFile, secretID)
	r.news <- struct{}{}
	synctest.Wait()
}

// stop ends the loop, which must take no time, and checks what it has logged.
func (r *running) stop() {
	r.t.Helper()
	begin := time.Now()
	r.cancel()
	if err := <-r.done; err != nil {
		r.t.Errorf("Run returned %v", err)
	}
	if took := time.Since(begin); took > 0 {
		r.t.Errorf("stopping took %s", took)
	}
	if leaked := r.log.lines("CANARY"); len(leaked) > 0 {
		r.t.Errorf("the log shows a secret: %s", leaked)
	}
}

// delivered returns the values of the tokens that were delivered.
func (r *running) delivered() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var values []string
	for _, token := range r.tokens {
		values = append(values, string(token.Value))
	}
	return values
}

// issuer answers each login with another token of the given life, and each
// renewal with a new lease.
func issuer(ttl time.Duration, renewable bool) *fake {
	f := &fake{}
	f.answer = func(c call) reply {
		switch c.what {
		case login:
			return granted(fmt.Sprintf("CANARY-%d", len(f.seen(login))), ttl, renewable)
		case "PUT auth/token/renew-self":
			return granted(c.token, ttl, renewable)
		}
		return refused(404, "no handler for "+c.what)
	}
	return f
}

// TestWaitsForVault: an outage has many faces. Each is logged when it begins, none as
// an error, and the waits keep to the back-off.
func TestWaitsForVault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := issuer(time.Hour, true)
		healthy := server.answer
		outage := []reply{
			{err: errors.New("connection refused")},
			{err: errors.New("connection refused")},
			refused(501, "server is not yet initialized"),
			refused(503, "Vault is sealed"),
			refused(503, "Vault is sealed"),
			refused(503, "Vault is sealed"),
			refused(500, "local node not active but active cluster node not found"),
			refused(429, "rate limit quota exceeded"),
			refused(412, "required index state not present"),
			{status: 502, body: "<html>CANARY</html>"},
		}
		server.answer = func(c call) reply {
			if n := len(server.seen(login)); n <= len(outage) {
				return outage[n-1]
			}
			return healthy(c)
		}
		r := run(t, server, nil)
		r.pass(time.Hour)
		r.stop()

		if got := r.delivered(); len(got) != 1 {
			t.Fatalf("%d tokens were delivered, want 1", len(got))
		}
		calls := server.seen(login)
		for i := range outage {
			wait, bound := calls[i+1].at.Sub(calls[i].at), min(time.Second<<(i+1), 5*time.Minute)
			if wait < time.Second || wait > bound {
				t.Errorf("waited %s after failure %d, want between 1s and %s", wait, i+1, bound)
			}
		}
		for text, want := range map[string]int{"connection refused": 2, "status 501": 1, "status 503": 2, "not active": 1, "status 429": 1} {
			if n := len(r.log.lines("level=WARN", text)); n != want { // at the 1st, 2nd, 4th… in a row
				t.Errorf("%q was logged %d times as a warning, want %d", text, n, want)
			}
		}
		if got := r.log.lines("level=ERROR"); len(got) > 0 {
			t.Errorf("an outage was logged as an error: %s", got)
		}
	})
}

// TestRefusedCredentials: asked seldom, logged ever more seldom, and ended at once by a
// new secret id, but not by one that is the same.
func TestRefusedCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := issuer(time.Hour, true)
		healthy := server.answer
		server.answer = func(c call) reply {
			if c.what == login && c.body["secret_id"] != "fresh" {
				return refused(400, "invalid role or secret ID")
			}
			return healthy(c)
		}
		r := run(t, server, nil)
		r.pass(time.Hour)
		n := len(server.seen(login))
		if n < 12 || n > 60 {
			t.Errorf("%d logins in an hour, want a few dozen at most", n)
		}
		path := r.Method.(*AppRole).SecretIDFile
		got := r.log.lines("level=ERROR", "invalid role or secret ID", "hint=", path)
		if len(got) != bits.Len(uint(n)) { // at the 1st, 2nd, 4th, 8th…
			t.Errorf("%d failures were logged %d times as an error: %s", n, len(got), got)
		}
		if last := got[len(got)-1]; !strings.Contains(last, fmt.Sprintf("left_out=%d", 1<<(bits.Len(uint(n))-2)-1)) {
			t.Errorf("after %d failures: %s", n, last)
		}

		before := len(server.seen(login))
		r.credential("CANARY-secret-id")
		if n := len(server.seen(login)) - before; n != 0 {
			t.Errorf("%d logins for a file that was written again with the same content", n)
		}
		r.credential("fresh")
		if got := r.delivered(); len(got) != 1 {
			t.Errorf("%d tokens at once after a new secret id, want 1", len(got))
		}
		r.stop()
	})
}

// TestNextMistakeIsReported: whoever corrects the first must hear of the second,
// though both are of one kind.
func TestNextMistakeIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		role, secret := file(t, "role", ""), file(t, "secret", "")
		r := run(t, issuer(time.Hour, true), func(l *Loop) { l.Method = &AppRole{AppRole: settings.AppRole{RoleIDFile: role, SecretIDFile: secret}} })
		r.pass(time.Hour)
		write(t, role, "r")
		r.pass(time.Hour)
		r.stop()
		for _, what := range []string{"role id", "secret id"} {
			all := len(r.log.lines("reading the " + what))
			if got := r.log.lines("level=ERROR", "reading the "+what); len(got) == 0 || len(got) != bits.Len(uint(all)) || strings.Contains(got[0], "left_out") {
				t.Errorf("the %s's absence was logged %d times of %d as an error", what, len(got), all)
			}
		}
	})
}

// TestBackoffStartsAnew when Vault is back and says something else: whoever
// corrects that should not wait for the outage's back-off.
func TestBackoffStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const outage = 12
		server := &fake{}
		server.answer = func(call) reply {
			if len(server.seen(login)) <= outage {
				return refused(503, "Vault is sealed")
			}
			return refused(400, "invalid role or secret ID")
		}
		r := run(t, server, nil)
		r.pass(2 * time.Hour)
		r.stop()
		calls := server.seen(login)
		if wait := calls[outage+1].at.Sub(calls[outage].at); wait > 4*time.Second {
			t.Errorf("waited %s after the first refusal, want at most 4s", wait)
		}
	})
}

// TestRetryAfterIsHonoured up to the longest back-off.
func TestRetryAfterIsHonoured(t *testing.T) {
	for header, bounds := range map[string][2]time.Duration{
		"":          {time.Second, 2 * time.Second},
		"40":        {41 * time.Second, 42 * time.Second},
		"-40":       {time.Second, 2 * time.Second},
		"later":     {time.Second, 2 * time.Second},
		"999999999": {5*time.Minute + time.Second, 5*time.Minute + 2*time.Second},
		"date":      {41 * time.Second, 42 * time.Second},
	} {
		for _, status := range []int{429, 503} {
			synctest.Test(t, func(t *testing.T) {
				if header == "date" {
					header = time.Now().Add(40 * time.Second).UTC().Format(http.TimeFormat)
				}
				server := &fake{answer: func(call) reply {
					return reply{status: status, body: `{"errors":["busy"]}`, retryAfter: header}
				}}
				r := run(t, server, nil)
				r.pass(time.Hour)
				r.stop()
				calls := server.seen(login)
				wait := calls[1].at.Sub(calls[0].at)
				if wait < bounds[0] || wait > bounds[1] {
					t.Errorf("status %d, %q: waited %s, want between %s and %s", status, header, wait, bounds[0], bounds[1])
				}
			})
		}
	}
}

func TestExitOnErr(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &fake{answer: func(call) reply { return refused(503, "Vault is sealed") }}
		r := run(t, server, func(l *Loop) { l.ExitOnErr = true })
		err := <-r.done
		var failure *Failure
		if !errors.As(err, &failure) || failure.Kind != Sealed || !strings.HasPrefix(err.Error(), "logging in by approle: ") {
			t.Errorf("got %v", err)
		}
		if n := len(server.seen("")); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})
}

func TestBadBackoff(t *testing.T) {
	t.Parallel()
	l := &Loop{Method: &Cert{}, MinBackoff: time.Minute, MaxBackoff: time.Second}
	if err := l.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "min_backoff (1m0s)") {
		t.Errorf("got %v", err)
	}
}

// TestStopsAtOnce in every state, one of them with a request under way.
func TestStopsAtOnce(t *testing.T) {
	states := map[string]func(*fake, func(call) reply) func(call) reply{
		"with a token": func(_ *fake, healthy func(call) reply) func(call) reply { return healthy },
		"between attempts": func(*fake, func(call) reply) func(call) reply {
			return func(call) reply { return refused(503, "Vault is sealed") }
		},
		"after the renewals failed": func(_ *fake, healthy func(call) reply) func(call) reply {
			return func(c call) reply {
				if c.what != login {
					return reply{err: io.ErrUnexpectedEOF}
				}
				return healthy(c)
			}
		},
	}
	for name, state := range states {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := issuer(time.Hour, true)
				server.answer = state(server, server.answer)
				r := run(t, server, nil)
				r.pass(45*time.Minute + 123*time.Millisecond)
				r.stop()
			})
		})
	}
	t.Run("in a login", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server := &fake{}
			var r *running
			hold := make(chan struct{})
			server.answer = func(call) reply {
				<-hold
				return reply{err: context.Canceled}
			}
			r = run(t, server, nil)
			r.cancel()
			close(hold)
			if err := <-r.done; err != nil {
				t.Errorf("Run returned %v", err)
			}
			if got := r.log.lines(logmsg.LoginFailed); len(got) > 0 {
				t.Errorf("the stop was logged as a failure: %s", got)
			}
		})
	})
}

// TestNamespaceAndOwnClient: the loop's requests go to the method's namespace,
// without the token that others use, over the method's own connection.
func TestNamespaceAndOwnClient(t *testing.T) {
	for name, test := range map[string]struct{ client, loop, want string }{
		"none":            {"", "", ""},
		"the client's":    {"team", "", "team"},
		"the method's":    {"team", "other", "other"},
		"only a method's": {"", "other", "other"},
	} {
		synctest.Test(t, func(t *testing.T) {
			shared, own := issuer(time.Hour, true), issuer(time.Hour, true)
			client := own.client(t)
			if test.client != "" {
				client.SetNamespace(test.client)
			}
			client.SetToken("hvs.somebody")
			spy := &tokenSpy{}
			r := run(t, shared, func(l *Loop) {
				spy.Method, l.Method = l.Method, spy
				l.LoginClient, l.Namespace = client, test.loop
			})
			r.pass(time.Hour)
			r.stop()
			if len(shared.seen("")) > 0 {
				t.Errorf("%s: the shared client was used", name)
			}
			for _, c := range own.seen("") {
				if c.namespace != test.want {
					t.Errorf("%s: %s went to namespace %q, want %q", name, c.what, c.namespace, test.want)
				}
				if c.what == login && c.token != "" {
					t.Errorf("%s: a login carried a token", name)
				}
			}
			if spy.token != "" {
				t.Errorf("%s: a method's client carried a token", name)
			}
			if client.Namespace() != test.client || client.Token() != "hvs.somebody" {
				t.Errorf("%s: the client was changed", name)
			}
		})
	}
}

// tokenSpy is a method that looks at the token of the client that it is given.
type tokenSpy struct {
	Method
	token string
}

func (s *tokenSpy) Login(ctx context.Context, c *api.Client) (*api.Secret, error) {
	s.token = c.Token()
	return s.Method.Login(ctx, c)
}

// TestWrapTTL: the wrapping's description is delivered, and nothing renewed.
func TestWrapTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &fake{answer: func(call) reply {
			return reply{body: `{"wrap_info":{"token":"CANARY-w","accessor":"a","ttl":300,` +
				`"creation_time":"2026-11-21T12:00:00Z","creation_path":"auth/approle/login","wrapped_accessor":"b"}}`}
		}}
		r := run(t, server, func(l *Loop) { l.WrapTTL = 5 * time.Minute })
		r.pass(24 * time.Hour)
		r.stop()
		if n := len(server.seen("")); n != 1 || server.seen("")[0].wrapTTL != "5m0s" {
			t.Errorf("%d requests, the first with a wrap TTL of %q", n, server.seen("")[0].wrapTTL)
		}
		const want = `{"token":"CANARY-w","accessor":"a","ttl":300,"creation_time":"2026-11-21T12:00:00Z",` +
			`"creation_path":"auth/approle/login","wrapped_accessor":"b"}` + "\n"
		if got := r.tokens; len(got) != 1 || !got[0].Wrapped || got[0].Value != redact.Secret(want) || got[0].Accessor != "b" {
			t.Errorf("delivered %q", r.delivered())
		}
	})
}

func TestWrapTTLThatIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, issuer(time.Hour, true), func(l *Loop) { l.WrapTTL = time.Minute })
		r.stop()
		if got := r.delivered(); len(got) > 0 {
			t.Error("a token that is not wrapped was delivered")
		}
		if got := r.log.lines("level=ERROR", "not wrapped"); len(got) != 1 {
			t.Errorf("logged %d errors, want 1", len(got))
		}
	})
}
