// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"sync"
	"time"
)

// wallClock knows what the wall clock showed at an instant since boot, as far as this
// process has seen it being set: files bear times of the wall clock, and processes
// bear instants since boot.
type wallClock struct {
	mu    sync.Mutex
	steps []clockStep
}

// clockStep is a wall clock that was set: since when it was seen like this, and what
// it showed at the boot.
type clockStep struct {
	seen time.Duration
	boot time.Time
}

const (
	// leastStep is by how much the wall clock must be off to count as having been set.
	leastStep = time.Second
	mostSteps = 64
)

var wall wallClock

func init() { wall.look() }

// look compares the wall clock with the time since boot. It returns what the wall
// clock, as it is set now, would have shown at the boot.
func (w *wallClock) look() (boot time.Time, err error) {
	now, err := sinceBoot()
	if err != nil {
		return time.Time{}, err
	}
	boot = time.Now().Round(0).Add(-now)
	w.note(now, boot)
	return boot, nil
}

func (w *wallClock) note(now time.Duration, boot time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.steps); n > 0 && boot.Sub(w.steps[n-1].boot).Abs() < leastStep {
		return
	}
	w.steps = append(w.steps, clockStep{now, boot})
	if len(w.steps) > mostSteps {
		w.steps = w.steps[1:]
	}
}

// earliest returns the earliest time that the wall clock may have shown at an instant
// since boot. When exactly it was set is not known.
func (w *wallClock) earliest(at time.Duration) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.steps) == 0 {
		return time.Time{}
	}
	i := 0
	for i+1 < len(w.steps) && w.steps[i+1].seen <= at {
		i++
	}
	first := w.steps[i].boot
	if i+1 < len(w.steps) && at >= w.steps[i].seen && w.steps[i+1].boot.Before(first) {
		first = w.steps[i+1].boot
	}
	return first.Add(at)
}
