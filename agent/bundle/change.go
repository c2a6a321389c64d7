// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"errors"
	"time"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/exec"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// react runs a pending change. It stays pending until it has succeeded. If the
// target is not running, no change is needed: it reads the new files when it starts.
func (b *Bundle) react(ctx context.Context, index int) {
	p := b.state.Published.Pending[index]
	r := b.reaction(p)
	began := time.Now()
	err := b.env.runs.do(ctx, b.runs[p.Ticket], func(ctx context.Context) error { return b.change(ctx, r.Change) })
	took := time.Since(began).Round(time.Millisecond)
	log := b.log.With(logkey.Mode, r.String())
	switch {
	case err == nil:
		b.apply(plan.ChangeDone{Index: index})
		b.save(ctx)
		log.Info(logmsg.ChangeDone, logkey.Duration, took)
	case errors.Is(err, exec.ErrNotRunning):
		b.apply(plan.TargetAbsent{Index: index, Now: now()})
		b.save(ctx)
		log.Info(logmsg.ChangeNotNeeded, logkey.Error, err)
	case ctx.Err() != nil: // shutting down or merging: it stays pending
	default:
		b.noteError(err)
		f := failure()
		b.apply(plan.ChangeFailed{Index: index, Failure: f})
		p = b.state.Published.Pending[index]
		if logged, leftOut := logmsg.Repeat(p.Failures); logged {
			log.Error(logmsg.ChangeFailed, logkey.Error, err, outputOf(err), logkey.Attempt, p.Failures, logkey.LeftOutCount(leftOut),
				logkey.Retry, p.NotBefore.Sub(f.Now).Round(time.Millisecond))
		}
		if r.FailOnError || b.env.ExitOnRetryFailure && p.Failures > b.env.Retries {
			b.env.Fail(&Failure{Kind: Change, Err: err})
		}
	}
}

// change runs a change.
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
