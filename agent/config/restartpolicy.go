// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"
	"time"
)

// RestartWhen is the kind of end after which a child is started again.
type RestartWhen int

// The kinds. They concern a child that has ended by itself, not one that
// certagent has stopped.
const (
	Never     RestartWhen = iota // certagent ends with the child's exit code, as Vault Agent does
	OnFailure                    // any exit code but 0, a signal, and a restart that failed
	Always
)

var restartWords = []string{Never: "never", OnFailure: "on-failure", Always: "always"}

// String returns the word that restart takes.
func (w RestartWhen) String() string { return restartWords[w] }

// RestartPolicy says what follows when a child has ended by itself. The delays
// are meaningful, and not 0, whatever When is.
type RestartPolicy struct {
	When RestartWhen
	// Delay comes before the first restart. Each further one waits about twice as
	// long as the one before, at most MaxDelay, which is not shorter.
	Delay, MaxDelay time.Duration
	// Reset is how long a child must have lived for the next restart to wait
	// for Delay again.
	Reset time.Duration
}

const (
	// One second is what s6, runit and daemontools wait.
	defaultRestartDelay    = time.Second
	defaultRestartMaxDelay = time.Minute
)

// readRestartPolicy: a delay that is given moves the other one's default out of
// its way. Unless restart_reset is given, it is restart_max_delay. A
// child that lives longer than the longest delay is started no more often than
// one that is made to wait for it, so that there is nothing left to slow down;
// and one that fails once a month comes back at once, which systemd's users miss
// in RestartSteps, whose delays never become shorter again.
func readRestartPolicy(s *scope) RestartPolicy {
	var p RestartPolicy
	word := p.When.String()
	readWord(s, "restart", &word, restartWords...)
	p.When = RestartWhen(slices.Index(restartWords, word))
	p.readDelays(s)
	p.Reset = p.MaxDelay
	positive(s, "restart_reset", asDuration, &p.Reset)
	if s.has("restart") && s.value("restart").Text != "never" {
		return p
	}
	for _, name := range []string{"restart_delay", "restart_max_delay", "restart_reset"} {
		if s.has(name) {
			s.problem(ValidateError, name, "has no effect without restarts", `add restart = "on-failure" or "always"`)
		}
	}
	return p
}

func (p *RestartPolicy) readDelays(s *scope) {
	p.Delay, p.MaxDelay = defaultRestartDelay, defaultRestartMaxDelay
	first := positive(s, "restart_delay", asDuration, &p.Delay)
	longest := positive(s, "restart_max_delay", asDuration, &p.MaxDelay)
	switch {
	case p.Delay <= p.MaxDelay:
	case first && longest:
		s.problem(ValidateError, "restart_max_delay", "is shorter than restart_delay", "the delays grow from that one to this one")
	case first:
		p.MaxDelay = p.Delay
	default:
		p.Delay = p.MaxDelay
	}
}
