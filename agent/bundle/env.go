// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/agent/status"
	"github.com/certagent/certagent/agent/watch"
	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/sinks"
)

// Env is what the bundles of one agent share. All bundles point to the same Env,
// which must not be copied once a bundle was made with it.
type Env struct {
	Log                *slog.Logger        // required
	Host               string              // seeds what is drawn once for each host; "" is a valid name
	Store              *secrets.Store      // required
	Watcher            *watch.Watcher      // required
	Children           Children            // required
	Claims             *sinks.Claim        // holds the destinations; nil: nothing is claimed
	Progress           Progress            // required
	Report             func(Report)        // is called by each bundle's loop before each step; required
	Fail               func(error)         // ends the agent, with a *Failure; required
	LoginFailed        <-chan struct{}     // is closed once a login has failed
	LoginError         func() string       // why the last login failed; "" while there is a token, or before the first; required
	CommandEnv         []string            // the environment of commands, besides the agent's own
	DiskInterval       time.Duration       // how often published files are looked at; required
	OneShot            bool                // the agent ends once everything is done
	ExitOnRetryFailure bool                // a step that fails too often ends the agent
	Retries            int                 // how often a step is tried again before that: vault.retry.num_retries
	Hide               func(string) string // replaces the secrets of the agent in what a command prints; nil for none

	runs       runQueue
	publishing slots
	pidFiles   pidFiles
}

// Children are the programs of the exec blocks, as changes act on them. A name is
// that of an exec block, or EveryChild.
type Children interface {
	// Signal and Restart fail with exec.ErrNotRunning if no child of that name
	// runs, Signal with an *exec.HeldError if the signal would end it.
	Signal(ctx context.Context, name string, sig syscall.Signal) error
	Restart(ctx context.Context, name string) error
	// Started reports whether a child of that name was started at least once.
	Started(name string) bool
	// StopTimeout is how long it may take to stop the children of that name, one
	// after the other.
	StopTimeout(name string) time.Duration
	// Any reports whether there is a child at all.
	Any() bool
	// SetEnv sets a variable of the children's environment, for their next start.
	// HasEnv reports whether it has that value.
	SetEnv(name string, value redact.Bytes)
	HasEnv(name string, value redact.Bytes) bool
	// CheckEnv returns an error if no child could be started with these values of
	// variables.
	CheckEnv(values map[string]redact.Bytes) error
}

// EveryChild is the name for all children that restart when a variable of theirs
// changes.
const EveryChild = "*"

// Progress counts the members, by their indexes, that have come so far. A member
// may be counted more than once. It counts until its first certificate ends; a zero
// time means that none does.
type Progress interface {
	// Published counts members whose files are valid on disk, so that the
	// children may start.
	Published(indexes []int, until time.Time)
	// Ready counts members that are published and, where that is verified, served.
	Ready(indexes []int, until time.Time)
	// Settled counts members with nothing left to do, so that a one-shot run may
	// end.
	Settled(indexes []int, until time.Time)
}

// Resting is the step of a bundle that waits for an answer, a time or a change of its
// inputs.
var Resting = plan.Rest.String()

// Report is a bundle's heartbeat: what it knows of itself, and which step it
// takes now.
type Report struct {
	Of     *Bundle
	Order  int // of its first member in the configuration
	Status status.Bundle
	Step   string
	// Within is how long the step may take until the next heartbeat; 0 is for
	// ever.
	Within time.Duration
}

// concurrentPublishes bounds how many bundles write to disk at the same time.
const concurrentPublishes = 32

// slots bounds how many do something at the same time. The zero value has
// concurrentPublishes of them.
type slots struct {
	once  sync.Once
	taken chan struct{}
}

// take waits for a slot and returns what frees it. It fails when ctx ends.
func (s *slots) take(ctx context.Context) (free func(), err error) {
	s.once.Do(func() { s.taken = make(chan struct{}, concurrentPublishes) })
	select {
	case s.taken <- struct{}{}:
		return func() { <-s.taken }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// loginFailed reports whether a login has failed, so that bundles with valid
// files on disk do not wait for Vault.
func (e *Env) loginFailed() bool {
	select {
	case <-e.LoginFailed:
		return true
	default:
		return false
	}
}
