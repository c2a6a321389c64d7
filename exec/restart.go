// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"slices"
	"time"

	"github.com/certagent/certagent/backoff"
	"github.com/certagent/certagent/settings"
)

// RestartPolicy decides whether and when a child that has exited is restarted.
type RestartPolicy struct {
	settings.Restart
	// Success are the exit codes that count as success beside 0. 143 is an end
	// by SIGTERM.
	Success []int
}

// Next is what to do after a child's end.
type Next struct {
	Restart bool
	Delay   time.Duration
	Attempt int // how many restarts in a row this will be
}

// After decides what comes after an end, given how many restarts there were in
// a row and a random number in [0, 1). The number picks the delay from the upper half
// of what is due: processes that failed together do not return together.
func (p RestartPolicy) After(e Exit, restarts int, random float64) Next {
	if p.When == settings.Never || p.When == settings.OnFailure && !p.Failed(e) {
		return Next{}
	}
	r := p.WithDefaults()
	if e.Lived >= r.Reset {
		restarts = 0
	}
	law := backoff.Law{Min: r.Delay, Max: r.MaxDelay, Jitter: backoff.UpperHalf}
	return Next{Restart: true, Delay: law.Delay(restarts+1, random), Attempt: restarts + 1}
}

// Failed tells whether an end was a failure: an exit code other than 0 and
// those of Success, an end by a signal, an unknown status.
func (p RestartPolicy) Failed(e Exit) bool {
	return e.Err != nil || e.Code != 0 && !slices.Contains(p.Success, e.Code)
}

// Code is the exit code to hand on as our own: 0 for a success, else the child's,
// which is 128+n for signal n.
func (p RestartPolicy) Code(e Exit) int {
	if p.Failed(e) {
		return e.Code
	}
	return 0
}
