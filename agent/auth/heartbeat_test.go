// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// promises are the signs of life that a loop has given. It must keep each: give
// the next one in time.
type promises struct {
	t *testing.T

	mu     sync.Mutex
	until  time.Time // zero is for ever
	given  int
	broken bool
}

func (p *promises) beat(within time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keep()
	p.given++
	p.until = time.Time{}
	if within > 0 {
		p.until = time.Now().Add(within)
	}
}

// keep fails the test if the last promise has not been kept.
func (p *promises) keep() {
	if late := time.Since(p.until); !p.until.IsZero() && late > 0 && !p.broken {
		p.broken = true
		p.t.Errorf("after %d signs the next one is late by %s", p.given, late)
	}
}

func (p *promises) check() (given int, forEver bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keep()
	return p.given, p.until.IsZero()
}

// TestSignsOfLife: through failures, slow answers, renewals, new logins and the
// waits in between, the loop says how long it may take, and keeps to it.
func TestSignsOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := issuer(10*time.Minute, true)
		healthy := server.answer
		var prompt atomic.Bool // or the stop would wait for an answer
		server.answer = func(c call) reply {
			switch n := len(server.seen(login)); {
			case prompt.Load():
			case c.what == login && n <= 3:
				time.Sleep(59 * time.Second) // nearly as long as a request may take
				return refused(503, "Vault is sealed")
			case c.what != login:
				time.Sleep(30 * time.Second)
			}
			return healthy(c)
		}
		p := &promises{t: t}
		r := run(t, server, func(l *Loop) { l.Heartbeat = p.beat })
		for range 3 * 60 {
			r.pass(time.Minute)
			p.check()
		}
		prompt.Store(true)
		r.pass(time.Minute)
		r.stop()
		if given, _ := p.check(); given < 100 {
			t.Errorf("%d signs in three hours", given)
		}
		if len(r.delivered()) == 0 {
			t.Error("there was no login")
		}
	})
}

// TestSignForEver: with a token that does not end, nothing more is to be done.
func TestSignForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &promises{t: t}
		r := run(t, issuer(0, false), func(l *Loop) { l.Heartbeat = p.beat })
		given, forEver := p.check()
		if !forEver {
			t.Error("the loop has promised another sign")
		}
		r.pass(1000 * time.Hour)
		if again, _ := p.check(); again != given {
			t.Errorf("%d signs, then %d", given, again)
		}
		r.stop()
	})
}
