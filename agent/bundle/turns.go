// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import "time"

// Commands of bundles that are published in the same moment run in the order of the
// configuration, one after the other, as under Vault Agent: one may write a file that
// the next one loads. Bundles that are published at different times do not wait for
// each other.

const (
	// moment is how far apart two publications may be to count as one moment.
	moment = time.Second
	// gathering is how long the first command waits for those before it.
	gathering = 100 * time.Millisecond
	// longestGathering bounds how long it waits for bundles that are being published.
	longestGathering = 2 * time.Second
	// longestTurn bounds how long a command waits for the others altogether.
	longestTurn = time.Minute
	// turnPause is how long until a command that has to wait asks again.
	turnPause = 20 * time.Millisecond
)

// turns decides which command runs next. The runQueue's lock guards it.
type turns struct {
	runs map[*run]bool   // of commands, until they have ended
	busy map[*Bundle]int // bundles that are about to be published, and their order
}

// attendance is for whom a run of a change is.
type attendance struct {
	order   int  // that of the reaction in the configuration
	command bool // the change is a command
	retry   bool // it has failed before: the others do not wait for it
	about   about
}

func (t *turns) add(r *run) {
	if t.runs == nil {
		t.runs = make(map[*run]bool)
	}
	t.runs[r] = true
}

func (t *turns) remove(r *run) { delete(t.runs, r) }

// first returns the place of the run's first bundle, and whether it is tried again.
func (r *run) first() (order int, retry bool) {
	order, retry = -1, true
	for _, a := range r.attending {
		if order < 0 || a.order < order {
			order = a.order
		}
		retry = retry && a.retry
	}
	return order, retry
}

// publishing notes whether a bundle is about to be published.
func (m *runQueue) publishing(b *Bundle, order int, is bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !is {
		delete(m.turns.busy, b)
		return
	}
	if m.turns.busy == nil {
		m.turns.busy = make(map[*Bundle]int)
	}
	m.turns.busy[b] = order
}

// turn reports whether it is a run's turn. If not, the run is put off.
func (m *runQueue) turn(r *run, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.turns.runs[r] || r.begun || !m.turns.waits(r, now) {
		return true
	}
	r.at = now.Add(turnPause)
	return false
}

// waits reports whether a run has to wait for others.
func (t *turns) waits(r *run, now time.Time) bool {
	order, retry := r.first()
	age := now.Sub(r.created)
	switch {
	case retry || age < 0 || age > longestTurn: // or the clock was set back
		return false
	case age < gathering:
		return true
	}
	for _, other := range t.busy {
		if other < order && age < longestGathering {
			return true
		}
	}
	for other := range t.runs {
		if other == r || other.created.Sub(r.created).Abs() > moment {
			continue
		}
		if other.begun {
			return true
		}
		if before, retry := other.first(); !retry && before < order && !other.at.After(now.Add(moment)) {
			return true
		}
	}
	return false
}
