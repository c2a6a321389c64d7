// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/agent/watch"
	"github.com/certagent/certagent/backoff"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/sinks"
)

const (
	// recheck is how often the wall clock is looked at: timers stand still
	// while a machine is suspended.
	recheck = 30 * time.Second
	// patience is how long a bundle waits for Vault before it says that the
	// valid files on disk will do for the child.
	patience = 10 * time.Second
)

var (
	// localBackoff spaces attempts that cost Vault nothing: rendering, publishing,
	// reacting.
	localBackoff = backoff.Law{Min: 500 * time.Millisecond, Max: 30 * time.Second}
	// slowBackoff spaces what disturbs a consumer, or waits for somebody to repair
	// it: a generation that was vetoed, a change that did not take effect.
	slowBackoff = backoff.Law{Min: 2 * time.Second, Max: 5 * time.Minute}
)

// Bundle is one state machine: the files that change together and the reaction
// to their change. Its loop asks plan what comes next, does it and asks again.
// Nothing that happens in it stops, delays or re-runs another.
type Bundle struct {
	env          *Env
	name         string
	log          *slog.Logger
	templates    []*templateMember
	certificates []*certificateMember
	reactions    []*reaction // one for each template; of a bundle block, one for all
	target       target
	recordName   string
	block        *config.Bundle // nil for templates at the top level
	fallback     *reaction      // nil for none

	secrets *secrets.Subscription
	issuers *secrets.Subscription // of the certificates; it holds nothing up
	inputs  *watch.Subscription

	facts     plan.Facts
	wanted    []secrets.Request
	first     []secrets.Request          // what is asked before anything was answered
	noticed   map[secrets.Request]uint64 // the versions that were last seen
	pending   *generation                // rendered, not published yet
	seen      published                  // what readers see
	former    *published                 // what they saw before, until the check has passed
	veto      veto
	proof     proof
	failures  map[plan.Action]int
	stamps    map[string]fileStat
	checkedAt time.Time
	bornAt    time.Time
	rendered  bool // once at least
	fresh     bool // what readers see was published by this run
	onDisk    bool // valid files were found at the start
	mayStart  bool // the child may start, as far as this bundle is concerned
	wasReady  bool // this bundle was ready once
	lastError lastError

	// claim is told what the bundle asks for. It returns false if another bundle
	// asks for some of it, and the two are about to be merged.
	claim func([]secrets.Request) bool

	asks     sync.WaitGroup
	answers  chan issueResult // with room for one of each certificate
	verdicts chan verdict
	look     int // the number of the latest
}

// veto is what is known of the generation that the check has refused last.
type veto struct {
	rejected string // its digest; "" if the check has passed since
	times    int    // in a row
}

// proof is how far it is known what is being served.
type proof struct {
	cancel   context.CancelFunc // of the look that is under way
	timesOld int                // that the old certificate was seen, in a row
	absent   bool               // nobody serves it
	looks    int                // for who serves it, in vain and in a row
}

// published is what is known of the generation that readers see.
type published struct {
	memo   recordPayload
	record sinks.Record // zero as long as nothing was published
	owed   []owed
	of     *generation // as long as it is unchecked; nil if an earlier run published it
	leaves []*x509.Certificate
}

// owed is a change that has yet to succeed.
type owed struct {
	*reaction
	attempt int
	run     *run // that it will be part of
}

// Run loops until ctx ends or Claim has returned false. It may be called again
// after it has returned, until Close.
func (b *Bundle) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer b.asks.Wait()
	defer cancel()
	for {
		b.observe(ctx)
		step := plan.Next(b.facts)
		b.report(step)
		switch step.Do {
		case plan.Stop:
			return
		case plan.Rest:
			b.rest(ctx, step.Until)
		case plan.Fetch:
			b.fetch()
		case plan.Issue:
			b.issue(ctx, b.certificates[step.Index])
		case plan.Render:
			if errors.Is(b.attempt(step.Do, b.render(ctx)), errRegroup) {
				return
			}
		case plan.Publish:
			b.attempt(step.Do, b.publish(ctx))
		case plan.Repair:
			b.attempt(step.Do, b.repair())
		case plan.Check:
			b.check(ctx)
		case plan.Rollback:
			b.attempt(step.Do, b.rollback(ctx))
		case plan.React:
			b.react(ctx, step.Index)
		case plan.Verify:
			b.verify(ctx)
		}
	}
}

// Indexes returns those of the bundle's members.
func (b *Bundle) Indexes() []int {
	var all []int
	for _, m := range b.templates {
		all = append(all, m.index)
	}
	for _, m := range b.certificates {
		all = append(all, m.index)
	}
	return all
}

// ClaimWith has claim called with the requests that the bundle makes, now and
// whenever they change. It returns false if another bundle makes one of them, and
// the two are about to be merged. The requests of a bundle block are not claimed:
// the block stays a bundle of its own. ClaimWith must not be called while Run runs.
func (b *Bundle) ClaimWith(claim func([]secrets.Request) bool) {
	if b.block != nil {
		claim = func([]secrets.Request) bool { return true }
	}
	b.claim = claim
	b.claim(b.wanted)
}

// rest waits for an event, for at most recheck.
func (b *Bundle) rest(ctx context.Context, until time.Time) {
	d := min(recheck, b.env.DiskInterval)
	if !until.IsZero() {
		d = min(d, time.Until(until))
	}
	var down <-chan struct{}
	if b.onDisk && !b.mayStart {
		down = b.env.LoginFailed
		d = min(d, time.Until(b.bornAt.Add(patience+time.Millisecond)))
	}
	timer := time.NewTimer(max(d, time.Millisecond))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-down:
	case <-b.secrets.C():
	case <-b.issuers.C():
	case <-b.inputs.C():
		b.reload(ctx)
	case a := <-b.answers:
		b.answered(ctx, a)
	case v := <-b.verdicts:
		b.conclude(ctx, v)
	}
}

// FetchUnlessFresh begins to ask for the bundle's secrets, before Run, unless the
// files on disk need no new answer.
func (b *Bundle) FetchUnlessFresh() {
	if b.facts.FreshUntil.IsZero() {
		b.fetch()
	}
}

// fetch begins to ask for the bundle's secrets.
func (b *Bundle) fetch() {
	b.facts.Fetching = true
	b.facts.Stale = true
	b.secrets.Want(b.wanted)
}

// stepFailed are the messages for steps that are counted and tried again.
var stepFailed = map[plan.Action]string{
	plan.Render:   logmsg.RenderFailed,
	plan.Publish:  logmsg.PublishFailed,
	plan.Repair:   logmsg.RepairFailed,
	plan.Rollback: logmsg.RollbackFailed,
}

// attempt counts a step's failures and holds the next attempt back.
func (b *Bundle) attempt(do plan.Action, err error) error {
	if err == nil || errors.Is(err, errRegroup) {
		delete(b.failures, do)
		return err
	}
	b.failures[do]++
	b.noteError(err)
	delay := localBackoff.Delay(b.failures[do], rand.Float64())
	retry := time.Now().Round(0).Add(delay)
	switch do {
	case plan.Render:
		b.facts.RetryRender = retry
	case plan.Rollback:
		b.facts.RetryRollback = retry
	default:
		b.facts.RetryPublish = retry
	}
	b.log.Error(stepFailed[do],
		logkey.Error, err, logkey.Attempt, b.failures[do], logkey.Retry, delay.Round(time.Millisecond))
	if b.env.ExitOnRetryFailure && b.failures[do] > b.env.Retries {
		failure := &Failure{Kind: Publish, Err: err}
		if do == plan.Render {
			failure.Kind = Secrets
		}
		_ = errors.As(err, &failure) // the step may know better
		b.env.Fail(failure)
	}
	return err
}
