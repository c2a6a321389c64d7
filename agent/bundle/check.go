// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/exec"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/sinks"
)

// checkKillTimeout is how long a check may take to exit after SIGTERM.
const checkKillTimeout = 5 * time.Second

// check runs the check command on what was published, before any change runs. An
// exit code other than 0 is a veto.
func (b *Bundle) check(ctx context.Context) {
	c := b.block.Check
	err := b.command(ctx, c.Command, c.Timeout, checkKillTimeout, []about{b.about(reasonCheck)})
	switch {
	case err == nil:
		b.previous, b.published.generation = nil, nil
		b.apply(plan.CheckPassed{})
		b.save(ctx)
		b.log.Debug(logmsg.CheckPassed, logkey.Command, exec.CommandLine(c.Command), logkey.Generation, b.published.record.Generation)
	case ctx.Err() != nil: // it is run again at the next start
	default:
		b.apply(plan.CheckVetoed{})
		b.published.veto = err
		b.noteError(plan.Check, err)
		if logged, leftOut := logmsg.Repeat(b.state.Vetoes); logged {
			b.log.Error(logmsg.CheckFailed, logkey.Command, exec.CommandLine(c.Command), logkey.Error, err, outputOf(err),
				logkey.Generation, b.published.record.Generation, logkey.Attempt, b.state.Vetoes, logkey.LeftOutCount(leftOut))
		}
		if b.env.ExitOnRetryFailure && b.state.Vetoes > b.env.Retries {
			b.env.Fail(&Failure{Kind: Change, Err: err})
		}
	}
}

// rollback makes readers see the generation before the vetoed one again.
func (b *Bundle) rollback(ctx context.Context) error {
	vetoed := b.published
	e := plan.RolledBack{Failure: failure(), Certificates: b.withBreakers(previousCertificates(b.state))}
	var files []sinks.File
	if vetoed.generation != nil {
		files = vetoed.generation.previous
	}
	record, err := b.target.Rollback(ctx, sinks.Generation{
		Name:    vetoed.record.Name,
		Number:  vetoed.record.Generation + 1,
		Files:   files,
		Payload: b.state.After(e).Remembered().JSON(),
	})
	switch {
	case errors.Is(err, sinks.ErrNoPrevious):
		b.apply(plan.NoPrevious{Failure: e.Failure})
		if logged, leftOut := logmsg.Repeat(b.state.Vetoes); logged {
			b.log.Error(logmsg.NoPrevious, logkey.Generation, vetoed.record.Generation, logkey.Attempt, b.state.Vetoes,
				logkey.LeftOutCount(leftOut), logkey.Retry, b.state.Retry.Check.Sub(e.Now).Round(time.Millisecond))
		}
		return nil
	case err != nil:
		return err
	}
	var former publication
	if b.previous != nil {
		former = *b.previous
	}
	former.record = record
	if len(former.leaves) == 0 {
		former.leaves = b.leavesOnDisk()
	}
	b.published, b.previous = former, nil
	e.Visible = exec.Moment()
	e.Ending = b.endingOnDisk(e.Now)
	b.apply(e)
	if b.rendered = nil; b.state.Content == plan.Differs { // the vetoed one is published again later
		b.rendered = vetoed.generation
	}
	// The failed check itself is not logged each time.
	b.log.Warn(logmsg.RolledBack, logkey.Error, vetoed.veto, outputOf(vetoed.veto), logkey.Generation, record.Generation, logkey.Retry, b.state.Retry.Rejected.Sub(e.Now).Round(time.Millisecond))
	b.stampRecord()
	return nil
}

// previousCertificates returns what is remembered of the previous generation's
// certificates.
func previousCertificates(s plan.State) map[string]json.RawMessage {
	if s.Published.Previous == nil {
		return nil
	}
	return s.Published.Previous.Origin.Certificates
}

// withBreakers returns what is remembered of certificates, with how often they were
// issued until now.
func (b *Bundle) withBreakers(left map[string]json.RawMessage) map[string]json.RawMessage {
	all := make(map[string]json.RawMessage, len(b.certificates))
	for _, m := range b.certificates {
		one, _ := parseIssued(left[m.name]) // resume has looked for errors
		one.Breaker = m.breaker
		all[m.name] = one.JSON()
	}
	return all
}
