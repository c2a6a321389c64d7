// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"slices"
	"time"

	"github.com/certagent/certagent/backoff"
)

// Restart says after which end a child is started again.
type Restart int

const (
	RestartNever     Restart = iota // its end is certagent's, as with Vault Agent
	RestartOnFailure                // when it has failed, see RestartPolicy.Failed
	RestartAlways
)

// RestartPolicy says whether and when a child that has ended is started again.
// A duration of 0 stands for its default.
type RestartPolicy struct {
	Restart Restart
	// The delay before a restart doubles from MinDelay, 1 s, to MaxDelay, 1 min.
	MinDelay, MaxDelay time.Duration
	// Settled is how long a process lives that has found its feet: after its end
	// the delay is MinDelay again. It is MaxDelay by default.
	Settled time.Duration
	// Success are the exit codes that count as success beside 0. 143 is an end
	// by SIGTERM.
	Success []int
}

const (
	defaultMinDelay = time.Second
	defaultMaxDelay = time.Minute
)

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
	if p.Restart == RestartNever || p.Restart == RestartOnFailure && !p.Failed(e) {
		return Next{}
	}
	p = p.withDefaults()
	if e.Lived >= p.Settled {
		restarts = 0
	}
	law := backoff.Law{Min: p.MinDelay, Max: p.MaxDelay, Jitter: backoff.UpperHalf}
	return Next{Restart: true, Delay: law.Delay(restarts+1, random), Attempt: restarts + 1}
}

func (p RestartPolicy) withDefaults() RestartPolicy {
	if p.MinDelay <= 0 {
		p.MinDelay = defaultMinDelay
	}
	if p.MaxDelay <= 0 {
		p.MaxDelay = max(defaultMaxDelay, p.MinDelay)
	}
	if p.Settled <= 0 {
		p.Settled = p.MaxDelay
	}
	return p
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
