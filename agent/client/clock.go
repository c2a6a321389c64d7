// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"net/http"
	"sync"
	"time"
)

const (
	// accuracy is the longest request whose answer tells the server's time: that was
	// read somewhere in between.
	accuracy = 10 * time.Second
	// clockStep is how far two clocks of this host may drift apart without one of them
	// having been set.
	clockStep = 2 * time.Second
)

// Clock compares the server's clock, which each answer tells in its header Date, with
// this host's. The zero value knows nothing yet. Any number of goroutines may use it.
type Clock struct {
	mu            sync.Mutex
	at            time.Time     // of the latest answer, by the monotonic clock; zero if there is none
	wall          time.Time     // the same, by the wall clock
	least, utmost time.Duration // by how much the server's clock was ahead
}

// observe compares the clocks, if the answer is the server's own and not that of a cache.
func (c *Clock) observe(h http.Header, began, ended time.Time) {
	date, err := http.ParseTime(h.Get("Date"))
	if age := h.Get("Age"); err != nil || age != "" && age != "0" || ended.Sub(began) > accuracy {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.wall = ended, ended.Round(0)
	// The header is cut to whole seconds.
	c.least, c.utmost = date.Sub(ended.Round(0)), date.Add(time.Second).Sub(began.Round(0))
}

// Skew returns by how much the server's clock is ahead of this host's, at least; it is
// negative if the server's clock is behind, and zero if the clocks may be equal. Its
// accuracy is a second and the duration of a request. It is unknown before the first
// answer, and once this host's clock has been set, or the host was suspended, since the
// latest one.
func (c *Clock) Skew() (skew time.Duration, known bool) { return c.skewAt(time.Now()) }

func (c *Clock) skewAt(now time.Time) (skew time.Duration, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		return 0, false
	}
	step := now.Round(0).Sub(c.wall) - now.Sub(c.at)
	switch {
	case step.Abs() > clockStep:
		return 0, false
	case c.least > 0:
		return c.least, true
	case c.utmost < 0:
		return c.utmost, true
	}
	return 0, true
}
