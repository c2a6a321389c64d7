// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

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
	"github.com/certagent/certagent/logmsg"
)

// react runs an owed change. It stays owed until it has succeeded; a target that
// does not run owes nothing, for it reads the new files when it starts.
func (b *Bundle) react(ctx context.Context, index int) {
	o := &b.seen.owed[index]
	began := time.Now()
	err := b.env.runs.do(ctx, o.run, func(ctx context.Context) error { return b.change(ctx, o.Change) })
	took := time.Since(began).Round(time.Millisecond)
	log := b.log.With(logkey.Mode, o.String())
	absent := errors.Is(err, exec.ErrNotRunning)
	switch {
	case err == nil || absent:
		b.seen.owed = slices.Delete(b.seen.owed, index, index+1)
		b.save(ctx)
		if absent {
			log.Info(logmsg.ChangeNotNeeded, logkey.Error, err)
			b.targetAbsent()
		} else {
			b.facts.RetryVerify = time.Time{} // there is something new to see
			log.Info(logmsg.ChangeDone, logkey.Duration, took)
		}
		b.pass()
	case ctx.Err() != nil: // shutting down or regrouping: it stays owed
	default:
		o.attempt++
		b.noteError(err)
		delay := localBackoff.Delay(o.attempt, rand.Float64())
		o.run = b.env.runs.join(o.key, time.Now().Round(0).Add(delay), o.minInterval)
		log.Error(logmsg.ChangeFailed, logkey.Error, err, logkey.Attempt, o.attempt, logkey.Retry, delay.Round(time.Millisecond))
		if o.FailOnError || b.env.ExitOnRetryFailure && o.attempt > b.env.Retries {
			b.env.Fail(&Failure{Kind: Change, Err: err})
		}
	}
}

// change does what a change says.
func (b *Bundle) change(ctx context.Context, c *config.Change) error {
	switch c.Mode {
	case config.Signal:
		if c.PIDFile != "" {
			return exec.SignalPIDFile(c.PIDFile, c.Signal)
		}
		return b.env.Children.Signal(ctx, c.Exec, c.Signal)
	case config.Restart:
		return b.env.Children.Restart(ctx, c.Exec)
	case config.Command:
		return b.command(ctx, c.Command, c.Timeout, c.KillTimeout)
	}
	return nil
}

// command runs the command of a change or of a check. What it printed is logged
// if it failed.
func (b *Bundle) command(ctx context.Context, command []string, timeout, killTimeout time.Duration) error {
	result, err := exec.Run(ctx, exec.Command{
		Args:        command,
		Env:         exec.Environ(b.env.CommandEnv),
		Timeout:     timeout,
		KillTimeout: killTimeout,
	})
	if result.Output != "" {
		level := slog.LevelInfo
		if err != nil {
			level = slog.LevelError
		}
		b.log.Log(ctx, level, logmsg.CommandOutput, logkey.Command, command[0], logkey.Output, result.Output)
	}
	return err
}
