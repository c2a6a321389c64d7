// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package agent is one run of certagent: it makes the parts (the login, the store
// of secrets, the bundles, the children, the token sinks), starts them, and stops
// them in order.
//
// It does not know how a bundle lives: each bundle is an independent state machine
// with a goroutine of its own, in package bundle.
package agent

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/certagent/certagent/agent/bundle"
	"github.com/certagent/certagent/agent/client"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/redact"
)

// Agent is what one run of the agent depends on.
type Agent struct {
	Config *config.Config // required
	Logger *slog.Logger   // required

	// UserAgent names this program to Vault, such as "certagent/1.2.3".
	UserAgent string

	// Stdin, Stdout and Stderr are the child's; nil is the null device.
	Stdin, Stdout, Stderr *os.File

	// Hurry, when closed, ends the time that the children get to stop: they are
	// killed.
	Hurry <-chan struct{}

	// AdoptOrphans is set if no other part of the process starts processes: orphans may
	// then become children of this process, which reaps them.
	AdoptOrphans bool

	// Signals delivers signals to forward to the children; nil delivers none.
	Signals <-chan os.Signal

	// Reloads delivers configurations to change to; nil delivers none.
	Reloads <-chan Reload

	// Timeout limits a one-shot run (exit_after_auth): Run then returns a *Failure with
	// the exit code of what it waits for. 0 means no limit.
	Timeout time.Duration

	// RevokeToken has the token revoked at the end of a one-shot run, unless it is in a
	// sink, was not got by a login, or something in the files would end with it.
	RevokeToken bool

	// DiskInterval is how often published files are checked for changes by other
	// programs; 0 means 30 s.
	DiskInterval time.Duration

	// Running is called once, when the parts run, and before Ready. Ready is called
	// once, when every bundle is published. Stopping is called once, when the stop
	// begins, for whatever reason, and before Run returns; it is not called if the
	// parts never ran. Each must be quick; nil is not called.
	Running  func(*Handle)
	Ready    func()
	Stopping func()

	// Finished is called when a one-shot run is done, with how many bundles it has
	// published, and how many were as they should be; nil is not called.
	Finished func(renewed, kept int)

	// bubble, in the tests that run in a synctest bubble, answers the requests to
	// Vault. Neither connections nor file events can be waited for in a bubble.
	bubble http.RoundTripper

	known *client.Known // the secrets that the log must not show; made by Run
	clock *client.Clock // of Vault; made by Run
}

// withoutSecrets returns a copy of the agent whose log shows no secret that its requests
// to Vault carry.
func (a *Agent) withoutSecrets() *Agent {
	run := *a
	run.known, run.clock = new(client.Known), new(client.Clock)
	run.known.Add(redact.Secret(os.Getenv("VAULT_TOKEN"))) // not used, but there to be printed
	run.Logger = slog.New(hidingHandler{a.Logger.Handler(), run.known})
	return &run
}

// Run runs the agent until ctx ends, which is a clean stop, and then returns nil or,
// if a child ended with a code of its own when it was stopped, a *ChildExit. It also
// returns nil when exit_after_auth is set and everything is done, a *ChildExit when a
// child has exited, and a *Failure when a setting such as exit_on_retry_failure ends
// the agent.
//
// Everything that it started has ended when it returns, with one exception: what cannot
// be interrupted is left after a time, or at once when Hurry is closed. The log says so.
// The process should end then.
func (a *Agent) Run(ctx context.Context) error {
	a = a.withoutSecrets()
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	e := newEnd()
	ended := make(chan error, 1)
	go func() { ended <- a.run(running, cancel, e) }() // await waits for it
	err := e.await(running, ended, a)
	if ctx.Err() != nil && exitedFromStop(err) {
		return nil
	}
	return err
}

// run makes the parts and runs them.
func (a *Agent) run(ctx context.Context, cancel context.CancelCauseFunc, e *end) error {
	members := bundle.NewMembers(a.Config, 0)
	if err := a.checkStart(members); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return e.outcome(ctx)
	}
	r, err := a.assemble(members, cancel)
	if err != nil {
		return err
	}
	r.end = e
	return r.run(ctx)
}
