// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/certagent/certagent/agent/auth"
	"github.com/certagent/certagent/agent/status"
)

// board shows what the loops tell of themselves. Each bundle writes its own
// report, which replaces the one before; only the login writes the login's.
type board struct {
	changed chan struct{} // one slot: what is known has changed

	mu         sync.Mutex
	reports    map[*bundle]report
	ready      bool
	login      status.Awaits
	loginError string
	loginSign  sign
}

// report is what a bundle tells of itself.
type report struct {
	order int // in the configuration
	known status.Bundle
	sign  sign
}

// sign is a sign of life: what a loop does, since when, and until when it gives
// the next sign. Its clock is the one that stands still while the machine is
// suspended, as the loop does.
type sign struct {
	doing     string
	since, by time.Time // by is zero if it may take as long as it likes
}

// newSign is a sign given now, for something that takes at most that long; 0 is
// for ever.
func newSign(doing string, within time.Duration) sign {
	s := sign{doing: doing, since: time.Now()}
	if within > 0 {
		s.by = s.since.Add(within)
	}
	return s
}

func (s sign) missing(now time.Time) bool { return !s.by.IsZero() && now.After(s.by) }

func newBoard() *board {
	return &board{changed: make(chan struct{}, 1), reports: make(map[*bundle]report), login: status.Vault}
}

func (b *board) put(of *bundle, r report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, known := b.reports[of]
	b.reports[of] = r
	if !known || before.known != r.known {
		b.tell()
	}
}

// remove forgets a bundle whose loop has ended.
func (b *board) remove(of *bundle) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.reports, of)
	b.tell()
}

// announce notes that everything is published.
func (b *board) announce() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ready = true
	b.tell()
}

// loggedIn notes how the latest attempt to log in has ended.
func (b *board) loggedIn(err error) {
	awaits, text := status.Nothing, ""
	if err != nil {
		awaits, text = status.Operator, err.Error()
	}
	var failure *auth.Failure
	if errors.As(err, &failure) && failure.Kind.Passes() {
		awaits = status.Vault
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.login != awaits || b.loginError != text {
		b.login, b.loginError = awaits, text
		b.tell()
	}
}

// signLogin takes the login's sign of life.
func (b *board) signLogin(within time.Duration) {
	if within > 0 {
		within += grace
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.loginSign = newSign("the login", within)
}

// tell says that something has changed. The lock is held.
func (b *board) tell() {
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// status copies what is known.
func (b *board) status() status.Agent {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]report, 0, len(b.reports))
	for _, r := range b.reports {
		all = append(all, r)
	}
	slices.SortFunc(all, func(x, y report) int { return x.order - y.order })
	s := status.Agent{Ready: b.ready, Login: b.login, LoginError: b.loginError, Bundles: make([]status.Bundle, len(all))}
	for i, r := range all {
		s.Bundles[i] = r.known
	}
	return s
}

// missing names a loop whose next sign of life is overdue; nil if there is none.
func (b *board) missing(now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.loginSign.missing(now) {
		return fmt.Errorf("the login gives no sign of life since %s", now.Sub(b.loginSign.since).Round(time.Second))
	}
	for _, r := range b.reports {
		if r.sign.missing(now) {
			return fmt.Errorf("bundle %q gives no sign of life: %s since %s", r.known.Name, r.sign.doing, now.Sub(r.sign.since).Round(time.Second))
		}
	}
	return nil
}
