// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/agent/render"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/agent/watch"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/sinks"
	"github.com/certagent/certagent/vaultreq"
)

// recheck is how often the wall clock is looked at: timers stand still while a
// machine is suspended.
const recheck = 30 * time.Second

// Bundle is one state machine: the files that change together and the reaction to
// their change. Its loop asks package plan for the next step, takes it and asks
// again. Nothing that happens in a bundle stops, delays or repeats a step of another.
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

	state         plan.State // changed by state.go only
	wanted        []vaultreq.Request
	first         []vaultreq.Request          // the requests before any answer
	noticed       map[vaultreq.Request]uint64 // the versions that were last seen
	named         map[vaultreq.Request]uint64 // the versions whose names were compared
	rendered      *generation                 // waits to be published; nil for none
	published     publication                 // what readers see
	previous      *publication                // what they saw before, until the check has passed
	runs          map[uint64]*run             // of the pending changes, by their tickets
	readable      map[string]bool             // keys of which every user can read that have been warned of
	notLocked     string                      // why the destinations were not claimed, as it was logged
	stamps        map[string]fileStat
	checkedAt     time.Time
	lastError     lastError
	absent        error                  // why nobody could be told, while a change waits for its target
	templateFails bool                   // the last rendering failed, and for nothing outside of the templates
	reasons       map[plan.Trouble]error // the latest of each

	// claim is told what the bundle asks for, and which answers bind even loose
	// members. It returns false if another bundle asks for some of it, and the two are
	// about to be merged.
	claim Claim

	asks        sync.WaitGroup
	answers     chan issueResult // with room for one of each certificate
	probes      chan probeResult
	cancelProbe context.CancelFunc  // of the probe in progress; nil for none
	sight       sight               // what the probes have seen since the last conclusion
	servedAt    string              // where another certificate than the published one was seen last
	former      []*x509.Certificate // of the generation before, of which the consumer was told
}

// publication is a published generation, as far as the disk and the servers are
// concerned.
type publication struct {
	record     sinks.Record        // zero as long as nothing was published
	leaves     []*x509.Certificate // of the bundle's certificates
	generation *generation         // until the check has passed; nil if an earlier run published it
	veto       error               // why the check failed; nil unless it did
}

// Run loops until ctx ends or Claim has returned false. It may be called again
// after it has returned, until Close.
func (b *Bundle) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer b.asks.Wait()
	defer cancel()
	defer b.env.runs.publishing(b, 0, false)
	b.lookAtPIDFiles()
	b.apply(plan.Started{})
	for {
		b.observe(ctx)
		step := b.state.Next(b.state.ObservedAt)
		b.report(step)
		b.announceProgress() // who waits for it finds it in the report
		b.env.runs.publishing(b, b.Order(), b.isPublishing(step))
		switch step.Do {
		case plan.Stop:
			return
		case plan.Rest:
			b.rest(ctx, step.Until)
		case plan.Fetch:
			b.fetch()
		case plan.Issue:
			b.issue(ctx, step.Index)
		case plan.Render:
			err := b.render(ctx)
			if errors.Is(err, errRegroup) {
				return
			}
			b.noteFailure(ctx, step.Do, err)
		case plan.Publish:
			b.noteFailure(ctx, step.Do, b.publish(ctx))
		case plan.Repair:
			b.noteFailure(ctx, step.Do, b.repair())
		case plan.Check:
			b.check(ctx)
		case plan.Rollback:
			b.noteFailure(ctx, step.Do, b.rollback(ctx))
		case plan.React:
			b.react(ctx, step.Index)
		case plan.Verify:
			b.verify(ctx)
		case plan.Doubt:
			b.doubt(ctx)
		}
	}
}

// isPublishing reports whether the bundle is about to be published, so that commands of
// bundles after it wait.
func (b *Bundle) isPublishing(step plan.Step) bool {
	switch step.Do {
	case plan.Fetch, plan.Render, plan.Publish, plan.Check:
		return true
	case plan.Rest: // its first answer may come with those of the others
		return !b.state.HasRendered && b.state.Missing > 0 && b.lastError.err == nil
	}
	return false
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
func (b *Bundle) ClaimWith(claim Claim) {
	if b.block != nil {
		claim = func([]vaultreq.Request, func(vaultreq.Request) bool) bool { return true }
	}
	b.claim = claim
	b.claim(b.wanted, writes)
}

// Claim records the requests that a bundle makes. binds reports whether the answer to a
// request binds even loose bundles. Claim returns false if the bundle shares a request
// with another one that the two have to be merged for.
type Claim func(requests []vaultreq.Request, binds func(vaultreq.Request) bool) bool

// Loose reports whether the bundle is to stay apart from others that make the same
// request, unless its answer binds.
func (b *Bundle) Loose() bool {
	return !slices.ContainsFunc(b.templates, func(m *templateMember) bool { return !m.loose })
}

// rest waits for an event, for at most recheck.
func (b *Bundle) rest(ctx context.Context, until time.Time) {
	d := min(recheck, b.env.DiskInterval)
	if !until.IsZero() {
		d = min(d, time.Until(until))
	}
	var down <-chan struct{}
	if r := b.state.Readiness; r.OnDisk && !r.MayStart {
		down = b.env.LoginFailed
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
	case <-b.sight.changed:
	case r := <-b.probes:
		b.conclude(ctx, r)
	}
}

// FetchUnlessFresh begins to ask for the bundle's secrets, before Run, unless the
// files on disk need no new answer.
func (b *Bundle) FetchUnlessFresh() {
	if b.state.FreshUntil.IsZero() {
		b.fetch()
	}
}

// fetch begins to ask for the bundle's secrets.
func (b *Bundle) fetch() {
	b.apply(plan.FetchStarted{})
	b.secrets.Want(b.wanted)
}

// stepFailed are the messages for steps that are counted and tried again.
var stepFailed = map[plan.Action]string{
	plan.Render:   logmsg.RenderFailed,
	plan.Publish:  logmsg.PublishFailed,
	plan.Repair:   logmsg.RepairFailed,
	plan.Rollback: logmsg.RollbackFailed,
}

// noteFailure counts a step's failure, which holds the next attempt back, and logs
// it. It does nothing if err is nil.
func (b *Bundle) noteFailure(ctx context.Context, do plan.Action, err error) {
	if err == nil {
		return
	}
	b.noteError(do, err)
	f := failure()
	attempt, retry := b.countFailure(do, f)
	if do == plan.Publish && attempt == 1 { // what could not be published was issued all the same
		b.saveBreakers(ctx)
	}
	if logged, leftOut := logmsg.Repeat(attempt); logged {
		b.log.Error(stepFailed[do], logkey.Error, err, logkey.Attempt, attempt, logkey.LeftOutCount(leftOut),
			logkey.Retry, retry.Sub(f.Now).Round(time.Millisecond), templateHint(err))
	}
	failed := &Failure{Kind: Publish, Err: err}
	if do == plan.Render {
		failed.Kind = Secrets
	}
	_ = errors.As(err, &failed) // the step may know better
	b.lastError.publish = failed.Kind == Publish
	giveUp := b.env.ExitOnRetryFailure && (attempt > b.env.Retries || b.hopeless(do, err))
	if giveUp || b.env.OneShot && errors.As(err, new(*refusedSet)) {
		b.env.Fail(failed)
	}
}

// templateHint returns the log's attribute for the hints of errors in templates, and of
// files that could not be written, if there are any.
func templateHint(err error) slog.Attr {
	var hints []string
	for _, e := range render.All(err) {
		if e.Hint != "" && !slices.Contains(hints, e.Hint) {
			hints = append(hints, e.Hint)
		}
	}
	if hint := hintOf(err); hint != "" {
		hints = append(hints, hint)
	}
	if len(hints) == 0 {
		return slog.Attr{}
	}
	return slog.String(logkey.Hint, strings.Join(hints, "; "))
}

// countFailure returns how often the step has failed in a row, and when it is tried
// again.
func (b *Bundle) countFailure(do plan.Action, f plan.Failure) (attempt int, retry time.Time) {
	switch do {
	case plan.Render:
		b.apply(plan.RenderFailed{Failure: f})
		return b.state.Failures.Render, b.state.Retry.Render
	case plan.Repair:
		b.apply(plan.RepairFailed{Failure: f})
		return b.state.Failures.Repair, b.state.Retry.Publish
	case plan.Rollback:
		b.apply(plan.RollbackFailed{Failure: f})
		return b.state.Failures.Rollback, b.state.Retry.Rollback
	}
	b.apply(plan.PublishFailed{Failure: f})
	return b.state.Failures.Publish, b.state.Retry.Publish
}
