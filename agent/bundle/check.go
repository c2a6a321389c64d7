// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/exec"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/sinks"
)

// checkKillTimeout is what a check that takes too long gets to end.
const checkKillTimeout = 5 * time.Second

// check has the consumer's own test look at what was published, before anything
// reacts to it. Any outcome but exit code 0 is a veto.
func (b *Bundle) check(ctx context.Context) {
	c := b.block.Check
	err := b.command(ctx, c.Command, c.Timeout, checkKillTimeout)
	switch {
	case err == nil:
		b.facts.Unchecked, b.seen.memo.Unchecked = false, false
		b.seen.memo.Before, b.seen.memo.Rejected = previousPayload{}, ""
		b.former, b.seen.of, b.veto = nil, nil, veto{}
		b.save(ctx)
		b.log.Debug(logmsg.CheckPassed, logkey.Command, exec.CommandLine(c.Command), logkey.Generation, b.seen.record.Generation)
		b.pass()
	case ctx.Err() != nil: // it is run again at the next start
	default:
		b.veto.times++
		b.facts.Vetoed = true
		b.noteError(err)
		b.log.Error(logmsg.CheckFailed, logkey.Command, exec.CommandLine(c.Command), logkey.Error, err,
			logkey.Generation, b.seen.record.Generation, logkey.Attempt, b.veto.times)
		if b.env.ExitOnRetryFailure && b.veto.times > b.env.Retries {
			b.env.Fail(&Failure{Kind: Change, Err: err})
		}
	}
}

// rollback makes the generation before the one that was vetoed the one that
// readers see again. The one that was vetoed is published again later, as another
// generation: somebody may have repaired the consumer meanwhile.
func (b *Bundle) rollback(ctx context.Context) error {
	vetoed := b.seen
	former := b.formerSeen()
	former.memo.Rejected = b.digestOf(vetoed)
	var previous []sinks.File
	if vetoed.of != nil {
		previous = vetoed.of.previous
	}
	delay := slowBackoff.Delay(b.veto.times, rand.Float64())
	retry := time.Now().Round(0).Add(delay)
	record, err := b.target.rollback(ctx, vetoed.record, former.memo.payload(), previous)
	switch {
	case errors.Is(err, sinks.ErrNoPrevious):
		b.facts.Vetoed, b.facts.RetryCheck = false, retry
		b.log.Error(logmsg.NoPrevious,
			logkey.Generation, vetoed.record.Generation, logkey.Retry, delay.Round(time.Millisecond))
		return nil
	case err != nil:
		return err
	}
	former.record = record
	if len(former.leaves) == 0 {
		former.leaves = b.leavesOnDisk()
	}
	b.seen, b.former = former, nil
	b.veto.rejected = former.memo.Rejected
	b.facts.Vetoed, b.facts.Unchecked = false, former.memo.Unchecked
	b.facts.RetryPublish, b.facts.RetryCheck = retry, retry
	b.dropVerdict()
	b.facts.Unverified, b.facts.RetryVerify, b.proof = b.proves(), time.Time{}, proof{}
	b.takeBack(vetoed.of)
	b.log.Warn(logmsg.RolledBack, logkey.Generation, record.Generation, logkey.Retry, delay.Round(time.Millisecond))
	b.stampRecord()
	b.pass()
	return nil
}

// formerSeen is what was known of the generation before the one that is seen.
// After a restart that is little.
func (b *Bundle) formerSeen() published {
	if b.former != nil {
		former := *b.former
		former.memo.Certificates = b.withBreakers(former.memo.Certificates)
		return former
	}
	return published{
		memo: recordPayload{Certificates: b.withBreakers(nil), Owed: b.seen.memo.Before.Owed, Unchecked: b.seen.memo.Before.Unchecked},
		owed: b.takeUpOwed(b.seen.memo.Before.Owed),
	} // its leaves are read from disk once it is back
}

// withBreakers returns what is remembered of the certificates, with how often
// they were issued until now.
func (b *Bundle) withBreakers(memos map[string]issuedPayload) map[string]issuedPayload {
	all := make(map[string]issuedPayload)
	for _, m := range b.certificates {
		one := memos[m.name]
		one.Breaker = m.breaker
		all[m.name] = one
	}
	return all
}

// digestOf identifies the content that was vetoed; "" if an earlier run published
// it.
func (b *Bundle) digestOf(p published) string {
	if p.of == nil {
		return ""
	}
	return p.of.digest()
}

// takeBack makes a vetoed generation the pending one again.
func (b *Bundle) takeBack(g *generation) {
	if g == nil { // an earlier run published it: it is rendered anew
		b.facts.Stale, b.facts.Content = true, plan.Unknown
		return
	}
	b.pending = g
	b.facts.Content = plan.Differs
}
