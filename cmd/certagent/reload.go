// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// reloader reads the configuration again for each SIGHUP, one after the other, and
// has the agent change to it. Flags and environment still count more than the
// files.
type reloader struct {
	flags    configFlags
	level    *slog.LevelVar
	logger   *slog.Logger
	notifier *notifier
	config   *config.Config    // says whom SIGHUP is for
	handed   chan<- os.Signal  // for the children
	reloads  chan agent.Reload // for the agent

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// start begins to read again, until stop.
func (r *reloader) start(hangups <-chan os.Signal) {
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	r.reloads = make(chan agent.Reload)
	r.done.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case sig := <-hangups:
				r.hangUp(ctx, sig)
			}
		}
	})
}

// stop ends it. The agent need not have come to the last one.
func (r *reloader) stop() {
	r.cancel()
	r.done.Wait()
}

// hangUp does what a SIGHUP asks for. For systemd that is a reload, whoever it is
// for.
func (r *reloader) hangUp(ctx context.Context, sig os.Signal) {
	done := r.notifier.reloading()
	defer done()
	select {
	case r.handed <- sig: // those whom it is for
	default: // they were told of too many already
	}
	if r.config.HUPReloads() {
		r.reload(ctx)
	}
}

// reload is over when the agent has changed to the configuration, or it is clear
// that it does not.
func (r *reloader) reload(ctx context.Context) {
	cfg, problems := r.flags.load()
	if cfg == nil {
		r.refused(errors.New(problems.Errors().Error()))
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

// change has the agent change to the configuration.
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

func (r *reloader) refused(err error) {
	r.logger.Error(logmsg.ReloadRefused, logkey.Error, err)
}
