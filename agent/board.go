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

// statusBoard holds the latest report of each loop.
type statusBoard struct {
	changed  chan struct{} // one slot: the status has changed
	expiring chan struct{} // one slot: so has something that it is told of with the ends of certificates

	mu         sync.Mutex
	reports    map[*bundle.Bundle]report
	ready      bool
	login      status.Awaits
	loginError string
	loginBeat  heartbeat
}

// report is what a bundle knows of itself, and its latest heartbeat.
type report struct {
	order     int    // in the configuration
	first     uint64 // the generation of its first report
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
	return &statusBoard{changed: make(chan struct{}, 1), expiring: make(chan struct{}, 1), reports: make(map[*bundle.Bundle]report), login: status.Vault}
}

// put takes a bundle's report.
func (b *statusBoard) put(r bundle.Report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, known := b.reports[r.Of]
	if !known {
		before.first = r.Status.Generation
	}
	b.reports[r.Of] = report{order: r.Order, first: before.first, known: r.Status, heartbeat: beat(r.Step, r.Within)}
	if !known || before.known != r.Status {
		b.notify()
	}
}

// remove deletes the report of a bundle whose loop has ended.
func (b *statusBoard) remove(of *bundle.Bundle) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.reports, of)
	b.notify()
}

// announce records that everything is published.
func (b *statusBoard) announce() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ready = true
	b.notify()
}

// loggedIn records the outcome of the latest login attempt.
func (b *statusBoard) loggedIn(err error) {
	awaits, text := status.Nothing, ""
	if err != nil {
		awaits, text = status.Operator, err.Error()
	}
	var failure *auth.Failure
	if errors.As(err, &failure) && failure.Kind.Temporary() {
		awaits = status.Vault
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.login != awaits || b.loginError != text {
		b.login, b.loginError = awaits, text
		b.notify()
	}
}

// beatLogin records the login's heartbeat.
func (b *statusBoard) beatLogin(within time.Duration) {
	if within > 0 {
		within += bundle.Grace
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.loginBeat = beat("the login", within)
}

// notify reports a change to whoever waits for one. The caller holds the lock.
func (b *statusBoard) notify() {
	select {
	case b.changed <- struct{}{}:
	default:
	}
	select {
	case b.expiring <- struct{}{}:
	default:
	}
}

// loginFailure returns why the last login failed; "" if it did not.
func (b *statusBoard) loginFailure() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.loginError
}

// expiries appends what is known of the bundles with certificates in use.
func (b *statusBoard) expiries(all []expiring) []expiring {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.reports {
		all = append(all, expiring{r.known, r.heartbeat, b.login != status.Nothing, b.loginError})
	}
	return all
}

// status returns a copy of the status.
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

// steps returns at which step the bundles are whose loops have not ended.
func (b *statusBoard) steps() (steps []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.reports {
		steps = append(steps, fmt.Sprintf("bundle %q: %s", r.known.Name, r.heartbeat.doing))
	}
	slices.Sort(steps)
	return steps
}

// missing returns an error that names a loop whose heartbeat is overdue, if there
// is one.
func (b *statusBoard) missing(now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.loginBeat.overdue(now) {
		return fmt.Errorf("no heartbeat from the login for %s", now.Sub(b.loginBeat.since).Round(time.Second))
	}
	for _, r := range b.reports {
		if r.heartbeat.overdue(now) {
			return fmt.Errorf("no heartbeat from bundle %q for %[3]s: it is at the step %[2]s", r.known.Name, r.heartbeat.doing, now.Sub(r.heartbeat.since).Round(time.Second))
		}
	}
	return nil
}
