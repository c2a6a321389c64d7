// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/agent/watch"
)

// concurrentPublishes bounds how many bundles publish at once: more of them
// only make the disk slower.
const concurrentPublishes = 32

// parts are what all bundles share.
type parts struct {
	log        *slog.Logger
	host       string // tells hosts apart
	store      *secrets.Store
	watcher    *watch.Watcher
	children   *children
	merger     merger
	progress   *progress
	board      *board
	publishing chan struct{} // a place for each publish that may be under way
	commandEnv []string      // what a change's command gets besides our environment

	diskInterval time.Duration // how often published files are looked at

	giveUp  bool // exit_on_retry_failure
	retries int  // vault.retry.num_retries

	vault       reachability
	cancelCause context.CancelCauseFunc
}

// fail ends the agent with that error.
func (p *parts) fail(err error) { p.cancelCause(err) }

// reachability tells the bundles that logging in fails, so that those with
// valid files on disk do not wait for it.
type reachability struct {
	once   sync.Once
	failed chan struct{} // closed at the first failure
}

func (r *reachability) init() { r.failed = make(chan struct{}) }

func (r *reachability) noteFailure() { r.once.Do(func() { close(r.failed) }) }

func (r *reachability) down() bool {
	select {
	case <-r.failed:
		return true
	default:
		return false
	}
}
