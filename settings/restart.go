// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package settings

import (
	"cmp"
	"time"
)

// RestartWhen is the condition under which a child that exits is restarted.
type RestartWhen int

// The conditions. They apply to a child that exits by itself, not to one that
// certagent stops.
const (
	Never     RestartWhen = iota // certagent exits with the child's exit code, as Vault Agent does
	OnFailure                    // exit code other than 0, death by a signal, or a restart that failed
	Always
)

// RestartWords returns the words of the configuration for the conditions, in order.
func RestartWords() []string { return []string{"never", "on-failure", "always"} }

// String returns the word of the configuration.
func (w RestartWhen) String() string { return RestartWords()[w] }

// Restart is when a child that exits by itself is restarted. A duration of 0 means
// its default.
type Restart struct {
	When RestartWhen
	// The delay before a restart about doubles from Delay, 1 s, to MaxDelay, 1 min.
	Delay, MaxDelay time.Duration
	// Reset is the uptime after which the delay starts at Delay again. It is
	// MaxDelay by default: a child that lives longer than the longest delay is
	// restarted no more often than one that waits for it, so no further back-off is
	// needed. And a child that fails once a month restarts at once. With systemd's
	// RestartSteps, which never resets, it would not.
	Reset time.Duration
}

const (
	// One second is the delay of s6, runit and daemontools.
	defaultRestartDelay    = time.Second
	defaultRestartMaxDelay = time.Minute
)

// WithDefaults returns the settings with the defaults filled in. If only one delay
// is set and contradicts the default of the other, the other is set to it.
func (r Restart) WithDefaults() Restart {
	if r.MaxDelay == 0 {
		r.MaxDelay = max(defaultRestartMaxDelay, r.Delay)
	}
	r.Delay = cmp.Or(r.Delay, min(defaultRestartDelay, r.MaxDelay))
	r.Reset = cmp.Or(r.Reset, r.MaxDelay)
	return r
}
