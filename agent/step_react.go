// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/exec"
	"github.com/certagent/certagent/logkey"
)

// react runs an owed change. It stays owed until it has succeeded; a target that
// does not run owes nothing, for it reads the new files when it starts.
func (b *bundle) react(ctx context.Context, index int) {
	o := &b.owed[index]
	began := time.Now()
	err := b.merger.do(ctx, o.key, func(ctx context.Context) error { return b.change(ctx, o.change) })
	log := b.log.With(logkey.Mode, describe(o.change))
	switch {
	case err == nil:
		log.Info("change done", logkey.Duration, time.Since(began).Round(time.Millisecond))
	case ctx.Err() != nil:
		return // shutting down or regrouping: it stays owed
	case errors.Is(err, exec.ErrNotRunning):
		log.Info("change not needed: its target does not run", logkey.Error, err)
	default:
		o.attempt++
		delay := localBackoff.Delay(o.attempt, rand.Float64())
		o.notBefore = time.Now().Round(0).Add(delay)
		log.Error("change failed; it stays owed", logkey.Error, err, logkey.Attempt, o.attempt, logkey.Retry, delay.Round(time.Millisecond))
		if o.change.FailOnError || b.giveUp && o.attempt > b.retries {
			b.fail(&Failure{Code: ExitChange, Err: err})
		}
		return
	}
	b.owed = slices.Delete(b.owed, index, index+1)
	b.save(ctx)
	b.passSettled()
}

// change does what a change says.
func (p *parts) change(ctx context.Context, c config.Change) error {
	switch c.Mode {
	case config.Signal:
		if c.PIDFile != "" {
			return exec.SignalPIDFile(c.PIDFile, c.Signal)
		}
		return p.child.signal(ctx, c.Signal)
	case config.Restart:
		return p.child.restart(ctx)
	case config.Command:
		return p.command(ctx, c)
	}
	return nil
}

// command runs a change's command. What it printed is logged if it failed.
func (p *parts) command(ctx context.Context, c config.Change) error {
	result, err := exec.Run(ctx, exec.Command{
		Args:        c.Command,
		Env:         exec.Environ(p.commandEnv),
		Timeout:     c.Timeout,
		KillTimeout: c.KillTimeout,
	})
	if result.Output != "" {
		level := slog.LevelInfo
		if err != nil {
			level = slog.LevelError
		}
		p.log.Log(ctx, level, "output of the command", logkey.Command, c.Command[0], logkey.Output, result.Output)
	}
	return err
}
