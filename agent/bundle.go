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

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/agent/watch"
	"github.com/certagent/certagent/logkey"
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

// localBackoff spaces attempts that cost Vault nothing: rendering, publishing,
// reacting.
var localBackoff = plan.Backoff{Min: 500 * time.Millisecond, Max: 30 * time.Second}

// bundle is one state machine: the files that change together and the reaction
// to their change. Its loop asks plan what comes next, does it and asks again.
// Nothing that happens in it stops, delays or re-runs another.
type bundle struct {
	*parts
	name    string
	members []*member
	log     *slog.Logger

	secrets *secrets.Subscription
	inputs  *watch.Subscription

	facts     plan.Facts
	wanted    []secrets.Request
	first     []secrets.Request          // what is asked before anything was answered
	noticed   map[secrets.Request]uint64 // the versions that were last seen
	pending   *generation                // rendered, not published yet
	differs   []bool                     // by member: what of pending is new
	memo      memo                       // of what is published or pending
	record    sinks.Record               // zero as long as nothing was published
	owed      []owed
	failures  map[plan.Action]int
	stamps    map[string]stamp
	checkedAt time.Time
	bornAt    time.Time
	rendered  bool // once at least
	onDisk    bool // valid files were found at the start
	published bool // the child may start

	// claim is told what the bundle asks for. It returns false if another bundle
	// asks for some of it, and the two are about to become one.
	claim func([]secrets.Request) bool
}

// owed is a change that has yet to succeed.
type owed struct {
	*member
	attempt   int
	notBefore time.Time
}

// run loops until ctx ends or the bundle is merged into another one.
func (b *bundle) run(ctx context.Context) {
	for {
		b.observe(ctx)
		step := plan.Next(b.facts)
		switch step.Do {
		case plan.Stop:
			return
		case plan.Rest:
			b.rest(ctx, step.Until)
		case plan.Fetch:
			b.fetch()
		case plan.Render:
			if errors.Is(b.attempt(step.Do, b.render(ctx)), errRegroup) {
				return
			}
		case plan.Publish:
			b.attempt(step.Do, b.publish(ctx))
		case plan.Repair:
			b.attempt(step.Do, b.repair())
		case plan.React:
			b.react(ctx, step.Change)
		}
	}
}

func (b *bundle) passPublished() {
	b.published = true
	b.progress.published.pass(b.members)
}

// rest waits for an event, for at most recheck.
func (b *bundle) rest(ctx context.Context, until time.Time) {
	d := min(recheck, b.diskInterval)
	if !until.IsZero() {
		d = min(d, time.Until(until))
	}
	var down <-chan struct{}
	if b.onDisk && !b.published {
		down = b.vault.failed
		d = min(d, time.Until(b.bornAt.Add(patience+time.Millisecond)))
	}
	timer := time.NewTimer(max(d, time.Millisecond))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-down:
	case <-b.secrets.C():
	case <-b.inputs.C():
		b.reload(ctx)
	}
}

// reload reads the templates' sources again after a local file has changed.
func (b *bundle) reload(ctx context.Context) {
	for _, m := range b.members {
		if m.source == "" {
			continue
		}
		if err := m.load(); err != nil {
			b.log.Error("the changed template is not used", logkey.Path, m.source, logkey.Error, err)
		}
	}
	switch {
	case b.facts.Fetching:
		b.askAnew()
	case b.allLoaded():
		if b.memo.sameQuestion(b.questionNow(ctx, b.memo)) {
			return // a file was touched, but holds what it held
		}
		b.askFirst()
	}
	b.noteChange(time.Now().Round(0))
	b.facts.FreshUntil = time.Time{}
}

// askFirst has the bundle ask for what its templates, as they are now, ask first.
func (b *bundle) askFirst() {
	var requests []secrets.Request
	for _, m := range b.members {
		if m.template != nil {
			requests = append(requests, m.firstRequests()...)
		}
	}
	b.first = unique(requests)
	b.wanted = b.first
}

// askAnew has the bundle ask for what its templates ask first and keep what it
// was answered. What it asked for in vain is let go of: a template that names it
// no longer must not wait for it.
func (b *bundle) askAnew() {
	answered := slices.DeleteFunc(slices.Clone(b.wanted), func(r secrets.Request) bool {
		answer, _ := b.secrets.Get(r)
		return answer == nil
	})
	b.askFirst()
	first := b.wanted
	b.wanted = nil // so that want tells the store
	b.want(append(slices.Clone(first), answered...))
}

// fetch begins to ask for the bundle's secrets.
func (b *bundle) fetch() {
	b.facts.Fetching = true
	b.facts.Stale = true
	b.secrets.Want(b.wanted)
}

// attempt counts a step's failures and holds the next attempt back.
func (b *bundle) attempt(do plan.Action, err error) error {
	if err == nil || errors.Is(err, errRegroup) {
		delete(b.failures, do)
		return err
	}
	b.failures[do]++
	delay := localBackoff.Delay(b.failures[do], rand.Float64())
	retry := time.Now().Round(0).Add(delay)
	if do == plan.Render {
		b.facts.RetryRender = retry
	} else {
		b.facts.RetryPublish = retry
	}
	b.log.Error(do.String()+" failed; the files on disk stay as they are",
		logkey.Error, err, logkey.Attempt, b.failures[do], logkey.Retry, delay.Round(time.Millisecond))
	if b.giveUp && b.failures[do] > b.retries {
		code := ExitPublish
		if do == plan.Render {
			code = ExitSecrets
		}
		b.fail(&Failure{Code: code, Err: err})
	}
	return err
}
