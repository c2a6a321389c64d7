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

// react runs a pending change. It stays pending until it has succeeded, or until it is
// known that its target has started since the files were published.
func (b *Bundle) react(ctx context.Context, index int) {
	p := b.state.Published.Pending[index]
	r, run := b.reaction(p), b.runs[p.Ticket]
	if !b.env.runs.turn(run, now()) {
		return // the run was put off
	}
	log := b.log.With(logkey.Mode, r.String())
	if r.PIDFile != "" && r.Mode == config.Signal && b.lookFirst(ctx, index, r) {
		return
	}
	began := time.Now()
	err := b.env.runs.do(ctx, run, func(ctx context.Context) error { return b.change(ctx, r.Change, run) })
	took := time.Since(began).Round(time.Millisecond)
	var held *exec.HeldError
	switch {
	case err == nil:
		b.apply(plan.ChangeDone{Index: index})
		b.save(ctx)
		log.Info(logmsg.ChangeDone, logkey.Duration, took)
	case errors.Is(err, exec.ErrNotRunning) && r.PIDFile != "":
		b.targetAbsent(ctx, index, r, err)
	case errors.Is(err, exec.ErrNotRunning):
		b.apply(plan.ChangeNotNeeded{Index: index, Now: now(), Listening: b.listening(ctx)})
		b.save(ctx)
		log.Info(logmsg.ChangeNotNeeded, logkey.Error, err)
	case errors.As(err, &held):
		b.changeHeld(ctx, index, r, held, err)
	case ctx.Err() != nil: // shutting down or merging: it stays pending
	case errors.Is(err, exec.ErrStopped): // the children stop first, but it is the same
		b.apply(plan.ChangeFailed{Index: index, Failure: failure()})
	default:
		b.noteError(plan.React, err)
		f := failure()
		b.apply(plan.ChangeFailed{Index: index, Failure: f})
		p = b.state.Published.Pending[index]
		if logged, leftOut := logmsg.Repeat(p.Failures); logged {
			log.Error(logmsg.ChangeFailed, logkey.Error, err, outputOf(err), logkey.Attempt, p.Failures, logkey.LeftOutCount(leftOut),
				logkey.Retry, p.NotBefore.Sub(f.Now).Round(time.Millisecond))
		}
		// A command that fails is not tried again by Vault Agent either.
		hopeless := b.env.ExitOnRetryFailure && (r.Mode == config.Command || p.Failures > b.env.Retries)
		switch {
		case r.FailOnError || hopeless:
			b.env.Fail(&Failure{Kind: Change, Err: err})
		case b.env.OneShot && p.Failures == 1:
			b.save(ctx)
			log.Warn(logmsg.ChangeLeft, logkey.Hint, "the next run of certagent runs it; fail_on_error makes it an error")
		}
	}
}

// lookFirst looks at the process that a pid file names before anything is sent. If that
// process has started since the files were published, it has read them. If it was not
// there the last time and still is not, nothing is to be done. It reports whether the
// change needs nothing more now.
func (b *Bundle) lookFirst(ctx context.Context, index int, r *reaction) bool {
	p := b.state.Published.Pending[index]
	if p.Again || p.Failures > 0 {
		return false
	}
	pid, err := exec.FindPIDFile(r.PIDFile)
	switch {
	case err == nil && exec.StartedSince(pid, b.state.Published.Visible):
		b.env.pidFiles.exists(r.PIDFile)
		b.targetStarted(ctx, index, r, pid)
		return true
	case errors.Is(err, exec.ErrNotRunning) && p.Absent > 0:
		b.targetAbsent(ctx, index, r, err)
		return true
	}
	return false // what is wrong with the file comes out when the change runs
}

// targetStarted ends a change whose target is known to have read the new files.
func (b *Bundle) targetStarted(ctx context.Context, index int, r *reaction, pid int) {
	b.apply(plan.ChangeDone{Index: index})
	b.save(ctx)
	b.log.Info(logmsg.TargetStarted, logkey.Mode, r.String(), logkey.PID, pid)
}

// targetAbsent keeps a change pending whose target is not there: it may have read the
// older files, and be about to write its pid file.
func (b *Bundle) targetAbsent(ctx context.Context, index int, r *reaction, err error) {
	never := errors.Is(err, exec.ErrNoPIDFile) && b.env.pidFiles.neverExisted(r.PIDFile)
	if !errors.Is(err, exec.ErrNoPIDFile) {
		b.env.pidFiles.exists(r.PIDFile)
	}
	b.absent = err
	b.apply(plan.TargetAbsent{Index: index, Failure: failure(), Listening: b.state.Published.Pending[index].Absent == 0 && b.listening(ctx)})
	if b.state.Published.Pending[index].Absent > 1 {
		return
	}
	b.save(ctx)
	log := b.log.With(logkey.Mode, r.String())
	again := "; certagent looks for it again"
	if b.env.OneShot {
		again = "; the next run of certagent looks for it again"
	}
	switch {
	case never:
		log.Warn(logmsg.NobodyTold, logkey.Error, err, logkey.Hint, "if the server is running, this is the wrong file"+again)
	case errors.Is(err, exec.ErrStale):
		log.Warn(logmsg.PIDFileStale, logkey.Error, err, logkey.Hint, "let the server write its pid file when it starts"+again)
	default:
		log.Info(logmsg.ChangeWaits, logkey.Error, err)
	}
}

// changeHeld keeps a change pending whose signal would end the target.
func (b *Bundle) changeHeld(ctx context.Context, index int, r *reaction, held *exec.HeldError, err error) {
	log := b.log.With(logkey.Mode, r.String())
	if exec.StartedSince(held.PID, b.state.Published.Visible) {
		b.targetStarted(ctx, index, r, held.PID)
		return
	}
	b.apply(plan.ChangeHeld{Index: index, Failure: failure()})
	b.reasons[plan.WaitTrouble] = err
	p := b.state.Published.Pending[index]
	switch logged, leftOut := logmsg.Repeat(p.Held); {
	case p.Held == 1:
		b.save(ctx)
		log.Debug(logmsg.ChangeHeld, logkey.Error, err)
	case logged && p.HeldLong():
		b.noteError(plan.React, err)
		log.Warn(logmsg.ChangeHeld, logkey.Error, err, logkey.Hint,
			`the change stays pending: write as change_signal the signal that reloads the program, or change_mode = "restart"`,
			logkey.Attempt, p.Held, logkey.LeftOutCount(leftOut))
	}
	if p.HeldLong() && (r.FailOnError || b.env.ExitOnRetryFailure) {
		b.env.Fail(&Failure{Kind: Change, Err: err})
	}
}

// change runs a change.
func (b *Bundle) change(ctx context.Context, c *config.Change, run *run) error {
	switch c.Mode {
	case config.Signal:
		if c.PIDFile != "" {
			return exec.SignalPIDFile(c.PIDFile, c.Signal)
		}
		return b.env.Children.Signal(ctx, c.Exec, c.Signal)
	case config.Restart:
		return b.env.Children.Restart(ctx, c.Exec)
	case config.Command:
		var all []about
		for _, a := range b.env.runs.attendees(run) {
			all = append(all, a.about)
		}
		return b.command(ctx, c.Command, c.Timeout, c.KillTimeout, all)
	}
	return nil
}
