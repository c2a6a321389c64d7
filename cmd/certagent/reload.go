// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// reloader reads the configuration again for each SIGHUP, one after the other, and
// passes it to the agent. Flags and environment still override the files.
type reloader struct {
	flags    configFlags
	level    *slog.LevelVar
	logger   *slog.Logger
	notifier *notifier
	config   *config.Config    // says which process handles SIGHUP
	handed   chan<- os.Signal  // for the children
	reloads  chan agent.Reload // for the agent

	cancel context.CancelFunc
	ended  chan struct{} // closed when the goroutine has ended
}

// start handles SIGHUPs until stop.
func (r *reloader) start(hangups <-chan os.Signal) {
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	r.reloads = make(chan agent.Reload)
	r.ended = make(chan struct{})
	go func() { // stop waits for it
		defer close(r.ended)
		for {
			select {
			case <-ctx.Done():
				return
			case sig := <-hangups:
				r.hangUp(ctx, sig)
			}
		}
	}()
}

// stop stops it. The agent may not have applied the last configuration. A file of the
// configuration that cannot be read holds up the end for a second at most.
func (r *reloader) stop() {
	r.cancel()
	select {
	case <-r.ended:
	case <-time.After(time.Second):
	}
}

// hangUp handles a SIGHUP. systemd sees a reload, whichever process handles the
// signal.
func (r *reloader) hangUp(ctx context.Context, sig os.Signal) {
	done := r.notifier.reloading()
	defer done()
	select {
	case r.handed <- sig: // the children, if it is for them
	default: // too many are waiting already
	}
	if r.config.HUPReloads() {
		r.reload(ctx)
	}
}

// reload reads the configuration and returns when the agent has applied or refused
// it.
func (r *reloader) reload(ctx context.Context) {
	cfg, problems := r.flags.load()
	if cfg == nil {
		r.refused(problems.Errors())
		return
	}
	switch err := r.change(ctx, cfg); {
	case ctx.Err() != nil:
	case err != nil:
		r.refused(err)
	default:
		r.level.Set(levels[cfg.Log.Level])
		r.logger.Info(logmsg.Reloaded, logkey.Level, cfg.Log.Level)
		warn(problems, nil, r.logger)
	}
}

// change passes the configuration to the agent and returns why it was refused.
func (r *reloader) change(ctx context.Context, cfg *config.Config) error {
	changed := make(chan error, 1)
	select {
	case r.reloads <- agent.Reload{Config: cfg, Done: func(err error) { changed <- err }}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-changed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refused logs why a configuration is not in use, one line for each problem.
func (r *reloader) refused(err error) {
	var problems config.Problems
	if !errors.As(err, &problems) { // the configuration is not to blame
		r.logger.Error(logmsg.ReloadFailed, logkey.Error, err)
		return
	}
	for _, p := range problems {
		r.logger.Error(logmsg.ReloadRefused, logkey.Error, p.Line(), sourceOf(p), hintOf(p))
	}
}

// sourceOf returns the attribute for the line of a problem in its file, which is empty
// without one.
func sourceOf(p config.Problem) slog.Attr {
	if p.SourceLine == "" {
		return slog.Attr{}
	}
	return slog.String(logkey.Text, p.SourceLine)
}

// hintOf returns the attribute for the hint of a problem, which is empty without one.
func hintOf(p config.Problem) slog.Attr {
	if p.Hint == "" {
		return slog.Attr{}
	}
	return slog.String(logkey.Hint, p.Hint)
}
