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
	"github.com/certagent/certagent/agent/bundle"
	"github.com/certagent/certagent/agent/status"
)

// board shows what the loops tell of themselves. Each bundle writes its own
// report, which replaces the one before; only the login writes the login's.
type statusBoard struct {
	changed chan struct{} // one slot: what is known has changed

	mu         sync.Mutex
	reports    map[*bundle.Bundle]report
	ready      bool
	login      status.Awaits
	loginError string
	loginBeat  heartbeat
}

// report is what a bundle knows of itself, and its latest heartbeat.
type report struct {
	order     int // in the configuration
	known     status.Bundle
	heartbeat heartbeat
}

// heartbeat is what a loop does, since when, and when its next heartbeat is due.
// Its clock is the monotonic one, which stands still while the machine is
// suspended, as the loop does.
type heartbeat struct {
	doing      string
	since, due time.Time // due is zero if the loop may take as long as it likes
}

// beat returns the heartbeat of a loop that does now what takes at most within; 0
// is for ever.
func beat(doing string, within time.Duration) heartbeat {
	h := heartbeat{doing: doing, since: time.Now()}
	if within > 0 {
		h.due = h.since.Add(within)
	}
	return h
}

// overdue reports whether the next heartbeat should have come.
func (h heartbeat) overdue(now time.Time) bool { return !h.due.IsZero() && now.After(h.due) }

func newStatusBoard() *statusBoard {
	return &statusBoard{changed: make(chan struct{}, 1), reports: make(map[*bundle.Bundle]report), login: status.Vault}
}

// put takes a bundle's report.
func (b *statusBoard) put(r bundle.Report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, known := b.reports[r.Of]
	b.reports[r.Of] = report{order: r.Order, known: r.Status, heartbeat: beat(r.Step, r.Within)}
	if !known || before.known != r.Status {
		b.tell()
	}
}

// remove forgets a bundle whose loop has ended.
func (b *statusBoard) remove(of *bundle.Bundle) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.reports, of)
	b.tell()
}

// announce notes that everything is published.
func (b *statusBoard) announce() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ready = true
	b.tell()
}

// loggedIn notes how the latest attempt to log in has ended.
func (b *statusBoard) loggedIn(err error) {
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

// beatLogin takes the login's heartbeat.
func (b *statusBoard) beatLogin(within time.Duration) {
	if within > 0 {
		within += bundle.Grace
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.loginBeat = beat("the login", within)
}

// tell says that something has changed. The lock is held.
func (b *statusBoard) tell() {
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// status copies what is known.
func (b *statusBoard) status() status.Agent {
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
func (b *statusBoard) missing(now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.loginBeat.overdue(now) {
		return fmt.Errorf("the login gives no sign of life since %s", now.Sub(b.loginBeat.since).Round(time.Second))
	}
	for _, r := range b.reports {
		if r.heartbeat.overdue(now) {
			return fmt.Errorf("bundle %q gives no sign of life: %s since %s", r.known.Name, r.heartbeat.doing, now.Sub(r.heartbeat.since).Round(time.Second))
		}
	}
	return nil
}
