// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package agent puts the parts together: it logs in to Vault, renders what the
// configuration asks for as bundles, publishes each, makes its consumers pick
// it up, and supervises the child.
//
// Each bundle is an independent state machine with a goroutine of its own (see
// bundle.go); everything else here starts the parts and ends them in order. The
// package decides nothing: package plan does.
package agent

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/certagent/certagent/agent/config"
)

// Agent is what one run of the agent depends on.
type Agent struct {
	Config *config.Config // required
	Logger *slog.Logger   // required

	// Stdin, Stdout and Stderr are the child's; nil is the null device.
	Stdin, Stdout, Stderr *os.File

	// Hurry, when closed, cuts short the time that the child gets to stop.
	Hurry <-chan struct{}

	// Signals brings signals to hand on to the children; nil brings none.
	Signals <-chan os.Signal

	// Reloads brings configurations to change to; nil brings none.
	Reloads <-chan Reload

	// DiskInterval is how often published files are looked at for what somebody
	// else did to them; 0 means 30 s.
	DiskInterval time.Duration

	// Running is called once, when the parts run; before Ready, if it is. Ready is
	// called once, when every bundle is published. Stopping is called once, when the
	// stop begins, whatever the reason; before Run returns, and not if the parts never
	// ran. Each must be quick; nil is not called.
	Running  func(*Handle)
	Ready    func()
	Stopping func()
}

// Run runs the agent until ctx ends, which is a clean stop: nil. Otherwise it
// ends with nil when exit_after_auth is set and everything is done, with a
// *ChildExit when the child has ended, and with a *Failure when the agent was
// told to give up. All that it started has ended when it returns.
func (a *Agent) Run(ctx context.Context) error {
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r, err := a.assemble(cancel)
	if err != nil {
		return err
	}
	err = r.run(running)
	if ctx.Err() != nil && endedWithUs(err) {
		return nil
	}
	return err
}
