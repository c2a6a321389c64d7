// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"fmt"
	"math/bits"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/settings"
)

const renewal = "PUT auth/token/renew-self"

// TestRenewal of a periodic token, over a month: each after about two thirds of
// the lease, and one login.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := issuer(time.Hour, true)
		r := run(t, server, nil)
		r.pass(30 * 24 * time.Hour)
		r.stop()

		if n := len(server.seen(login)); n != 1 {
			t.Errorf("%d logins, want 1", n)
		}
		previous := server.seen(login)[0].at
		waits := map[time.Duration]bool{}
		for _, c := range server.seen(renewal) {
			wait := c.at.Sub(previous)
			if wait < 34*time.Minute || wait > 40*time.Minute+time.Second {
				t.Fatalf("renewed after %s of an hour", wait)
			}
			if c.token != "CANARY-1" {
				t.Fatalf("renewed with token %q", c.token)
			}
			waits[wait], previous = true, c.at
		}
		if len(waits) < 100 {
			t.Errorf("%d different waits in a month: there is no jitter", len(waits))
		}
	})
}

// TestTokenThatEnds: the next login comes before the end, so that there is
// always a token.
func TestTokenThatEnds(t *testing.T) {
	const life = 4 * time.Hour // explicit_max_ttl, or token_max_ttl
	for name, server := range map[string]*fake{
		"not renewable": issuer(time.Hour, false),
		"maximum": func() *fake {
			server := issuer(time.Hour, true)
			healthy := server.answer
			server.answer = func(c call) reply {
				if c.what != renewal {
					return healthy(c)
				}
				logins := server.seen(login)
				left := logins[len(logins)-1].at.Add(life).Sub(c.at)
				return granted(c.token, min(time.Hour, left), true)
			}
			return server
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, server, nil)
				r.pass(24 * time.Hour)
				r.stop()
				least, most := 48*time.Minute, 55*time.Minute
				if name == "maximum" {
					// The last lease is of 20 to 60 minutes, as the renewals fall.
					least, most = life-12*time.Minute, life-2*time.Minute
				}
				logins := server.seen(login)
				for i, c := range logins[1:] {
					if wait := c.at.Sub(logins[i].at); wait < least || wait > most {
						t.Errorf("logged in again after %s, want between %s and %s", wait, least, most)
					}
				}
				if n := len(server.seen("")); n > 60 {
					t.Errorf("%d requests in a day", n)
				}
				if len(logins) < 6 || len(r.delivered()) != len(logins) {
					t.Errorf("%d logins, %d tokens delivered", len(logins), len(r.delivered()))
				}
			})
		})
	}
}

// TestRenewalFails until the token has to be replaced: nothing happens often,
// the token is kept, and the next login comes while it still works.
func TestRenewalFails(t *testing.T) {
	for name, test := range map[string]struct {
		reply    reply
		attempts [2]int
	}{
		"for now":    {refused(500, "internal error"), [2]int{5, 30}},
		"by nature":  {refused(400, "lease is not renewable"), [2]int{1, 1}},
		"with trash": {reply{body: "<html>"}, [2]int{1, 1}},
		"with null":  {reply{body: `{"data":null}`}, [2]int{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := issuer(time.Hour, true)
				healthy := server.answer
				server.answer = func(c call) reply {
					if c.what == renewal && c.token == "CANARY-1" {
						return test.reply
					}
					return healthy(c)
				}
				r := run(t, server, nil)
				r.pass(90 * time.Minute)
				r.stop()
				logins := server.seen(login)
				if len(logins) != 2 {
					t.Fatalf("%d logins, want 2", len(logins))
				}
				if wait := logins[1].at.Sub(logins[0].at); wait < 48*time.Minute || wait > 55*time.Minute {
					t.Errorf("logged in again after %s of an hour", wait)
				}
				failed := 0
				for _, c := range server.seen(renewal) {
					if c.token == "CANARY-1" {
						failed++
					}
				}
				if failed < test.attempts[0] || failed > test.attempts[1] {
					t.Errorf("%d renewals failed, want between %d and %d", failed, test.attempts[0], test.attempts[1])
				}
				n, want := 0, 1
				if failed > 1 { // it is logged at the 1st, 2nd, 4th, 8th…
					want = bits.Len(uint(failed))
				}
				for _, message := range []string{logmsg.TokenNotRenewed, logmsg.TokenRenewalRefused, logmsg.TokenNotRenewable} {
					n += len(r.log.lines(message, "level=WARN")) + len(r.log.lines(message, "level=ERROR"))
				}
				if n != want {
					t.Errorf("%d failed renewals were logged %d times, want %d", failed, n, want)
				}
			})
		})
	}
}

// TestOutagePastTheEnd: Vault is away from before the renewal until after the
// token has ended.
func TestOutagePastTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := issuer(time.Hour, true)
		healthy, begin := server.answer, time.Now()
		server.answer = func(c call) reply {
			if at := c.at.Sub(begin); at > 10*time.Minute && at < 3*time.Hour {
				return refused(503, "Vault is sealed")
			}
			return healthy(c)
		}
		r := run(t, server, nil)
		r.pass(3*time.Hour + 6*time.Minute)
		r.stop()
		if got := r.delivered(); len(got) != 2 {
			t.Errorf("%d tokens were delivered, want 2", len(got))
		}
		if n := len(server.seen("")); n > 100 {
			t.Errorf("%d requests in three hours", n)
		}
	})
}

// TestRevokedToken is noticed by its renewal.
func TestRevokedToken(t *testing.T) {
	for _, text := range []string{"permission denied", "permission denied: invalid token"} {
		synctest.Test(t, func(t *testing.T) {
			server := issuer(time.Hour, true)
			healthy := server.answer
			server.answer = func(c call) reply {
				if c.what == renewal && c.token == "CANARY-1" {
					return refused(403, text)
				}
				return healthy(c)
			}
			r := run(t, server, nil)
			r.pass(45 * time.Minute)
			r.stop()
			if got := r.delivered(); len(got) != 2 {
				t.Fatalf("%q: %d tokens were delivered, want 2", text, len(got))
			}
			if wait := server.seen(login)[1].at.Sub(server.seen(renewal)[0].at); wait != 0 {
				t.Errorf("%q: waited %s after the refusal", text, wait)
			}
		})
	}
}

// TestTokenThatMayNotRenewItself: each renewal is refused, which must neither
// hammer nor leave a gap without a token.
func TestTokenThatMayNotRenewItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := issuer(time.Minute, true)
		healthy := server.answer
		server.answer = func(c call) reply {
			if c.what == renewal {
				return refused(403, "permission denied")
			}
			return healthy(c)
		}
		r := run(t, server, nil)
		r.pass(time.Hour)
		r.stop()
		logins := server.seen(login)
		for i, c := range logins[1:] {
			if wait := c.at.Sub(logins[i].at); wait < 30*time.Second || wait > time.Minute {
				t.Fatalf("%s between two logins, with tokens of a minute", wait)
			}
		}
	})
}

func TestTokenWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := issuer(0, true)
		r := run(t, server, nil)
		r.pass(365 * 24 * time.Hour)
		r.stop()
		if n := len(server.seen("")); n != 1 {
			t.Errorf("%d requests in a year, want 1", n)
		}
	})
}

// TestTokenFileThatRunsOut: each look-up finds the same token, with less of its
// life left. It is delivered once, and looked up at a bounded pace.
func TestTokenFileThatRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := file(t, "token", "CANARY-1")
		ends := time.Now().Add(time.Hour)
		server := &fake{}
		server.answer = func(c call) reply {
			left := ends.Sub(c.at)
			if c.token == "CANARY-1" && left <= 0 {
				return refused(403, "permission denied")
			}
			if c.token == "CANARY-2" {
				left = time.Hour
			}
			return reply{body: fmt.Sprintf(`{"data":{"ttl":%d,"expire_time":"later","renewable":false}}`, int(left.Seconds()))}
		}
		r := run(t, server, func(l *Loop) { l.Method = &TokenFile{TokenFile: settings.TokenFile{Path: path}} })
		r.pass(59*time.Minute + 59*time.Second)
		if got := r.delivered(); len(got) != 1 {
			t.Errorf("the token was delivered %d times", len(got))
		}
		if n := len(server.seen("")); n > 30 {
			t.Errorf("%d look-ups in an hour", n)
		}
		r.pass(time.Hour)
		all := len(r.log.lines("hint=", path))
		if got := r.log.lines("level=ERROR", "hint=", path); len(got) == 0 || len(got) != bits.Len(uint(all)) {
			t.Errorf("of %d logins with the expired token, %d were logged as errors", all, len(got))
		}
		write(t, path, "CANARY-2")
		r.news <- struct{}{}
		synctest.Wait()
		if got := r.delivered(); len(got) != 2 {
			t.Errorf("%d tokens after a new one was put into the file, want 2", len(got))
		}
		r.stop()
	})
}

// TestInvalidate: a thousand requests meet the same dead token.
func TestInvalidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := issuer(time.Hour, true)
		r := run(t, server, nil)
		r.pass(10 * time.Minute)
		storm := func(token redact.Secret) {
			var all sync.WaitGroup
			for range 1000 {
				all.Go(func() { r.Invalidate(token) })
			}
			all.Wait()
			synctest.Wait()
		}
		storm("CANARY-1")
		storm("CANARY-1") // latecomers
		storm("")
		storm("never seen")
		if got := r.delivered(); len(got) != 2 || got[1] != "CANARY-2" {
			t.Errorf("delivered %d tokens, want 2", len(got))
		}
		r.pass(time.Minute)
		r.stop()
		if n := len(server.seen(login)); n != 2 {
			t.Errorf("%d logins, want 2", n)
		}
	})
}

// TestInvalidateWhileLoggingIn: the old token's users go on complaining.
func TestInvalidateWhileLoggingIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := issuer(time.Hour, true)
		healthy := server.answer
		server.answer = func(c call) reply {
			if n := len(server.seen(login)); n > 1 && n < 4 {
				return refused(503, "Vault is sealed")
			}
			return healthy(c)
		}
		r := run(t, server, nil)
		for range 20 {
			r.Invalidate("CANARY-1")
			r.pass(time.Second)
		}
		r.stop()
		if n := len(server.seen(login)); n != 4 {
			t.Errorf("%d logins, want 4", n)
		}
	})
}

// TestEveryTokenIsInvalid: logging in is not what is wrong, so that it must not
// be done over and over.
func TestEveryTokenIsInvalid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := issuer(time.Hour, true)
		var r *running
		deliver := func(token Token) { go r.Invalidate(token.Value) }
		begin := time.Now()
		r = run(t, server, func(l *Loop) { l.Deliver = func(Token) {} })
		for range 3600 {
			deliver(Token{Value: redact.Secret(fmt.Sprintf("CANARY-%d", len(server.seen(login))))})
			r.pass(time.Second)
		}
		r.stop()
		logins := server.seen(login)
		if len(logins) > 60 || len(logins) < 12 {
			t.Errorf("%d logins in an hour", len(logins))
		}
		if wait := logins[1].at.Sub(begin); wait > time.Second {
			t.Errorf("the first replacement came after %s", wait)
		}
	})
}

// TestTokensThatServe: each token is refused, but has served before, as one with few
// uses does. Each is replaced at once; once one does not serve, the logins back off.
func TestTokensThatServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := issuer(time.Hour, true)
		r := run(t, server, func(l *Loop) { l.Deliver = func(Token) {} })
		refuse := func(served bool) {
			token := redact.Secret(fmt.Sprintf("CANARY-%d", len(server.seen(login))))
			if served {
				r.Served(token)
			}
			r.Invalidate(token)
			r.pass(time.Second)
		}
		for range 600 {
			refuse(true)
		}
		served := len(server.seen(login))
		if served != 601 {
			t.Errorf("%d logins for 600 tokens that had served", served)
		}
		for range 600 {
			refuse(false)
		}
		r.stop()
		if n := len(server.seen(login)) - served; n > 30 {
			t.Errorf("%d logins in ten minutes for tokens that never served", n)
		}
	})
}

func TestReauthOnNewCredentials(t *testing.T) {
	for reauth, want := range map[bool]int{false: 1, true: 2} {
		synctest.Test(t, func(t *testing.T) {
			server := issuer(time.Hour, true)
			r := run(t, server, func(l *Loop) { l.ReauthOnNewCredentials = reauth })
			r.credential("CANARY-secret-id") // the same as before
			r.credential("CANARY-another")
			r.pass(time.Minute)
			r.stop()
			if n := len(server.seen(login)); n != want {
				t.Errorf("reauth %t: %d logins, want %d", reauth, n, want)
			}
		})
	}
}

// TestClosedCredentialsChannel must not spin.
func TestClosedCredentialsChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := issuer(time.Hour, true)
		r := run(t, server, func(l *Loop) { l.ReauthOnNewCredentials = true })
		close(r.news)
		r.pass(10 * time.Minute)
		r.stop()
		if n := len(server.seen("")); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})
}
