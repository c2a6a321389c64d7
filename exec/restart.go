// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"slices"
	"time"

	"github.com/certagent/certagent/backoff"
	"github.com/certagent/certagent/settings"
)

// RestartPolicy decides whether and when a child is restarted after it has exited.
type RestartPolicy struct {
	settings.Restart
	// Success are the exit codes that count as success besides 0. 143 is an exit by
	// SIGTERM.
	Success []int
}

// Next is what to do after a child has exited.
type Next struct {
	Restart bool
	Delay   time.Duration
	Attempt int // the number of this restart in a row
}

// After decides what to do after an exit, given the number of restarts in a row and a
// random number in [0, 1). The random number chooses the delay from the upper half of
// the back-off, so that children that failed together do not restart together.
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

// Failed reports whether an exit was a failure: a code other than 0 and those of
// Success, a signal, or an unknown status.
func (p RestartPolicy) Failed(e Exit) bool {
	return e.Err != nil || e.Code != 0 && !slices.Contains(p.Success, e.Code)
}

// Code returns the exit code for this program: 0 for a success, otherwise the child's,
// which is 128+n for signal n.
func (p RestartPolicy) Code(e Exit) int {
	if p.Failed(e) {
		return e.Code
	}
	return 0
}
