// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/agent/plan"
)

var (
	walks    = flag.Int("walks", 300, "how many random sequences of events TestWalks drives")
	walkSeed = flag.Uint64("walk-seed", 1, "the seed of the first of them; the others follow")
)

// Whatever happens, and in whatever order, this always holds: what the check has
// vetoed is taken back before anything else is published; nothing reacts to and
// nothing verifies what has not passed its check; what is pending is never
// forgotten; nothing outdated is published; nothing waits for ever, and nothing
// spins; and once all goes well, everything comes to its end.
func TestWalks(t *testing.T) {
	for i := range uint64(*walks) {
		newWalk(t, *walkSeed+i).run()
		if t.Failed() {
			return
		}
	}
}

// walk is a bundle among random events. Beside the state under test it keeps the
// truth about the world, by other means.
type walk struct {
	t    *testing.T
	seed uint64
	*rand.Rand
	log  []entry
	good bool // from now on everything succeeds

	s     plan.State
	now   time.Time
	begun time.Time // of the loop

	wanted    []int // for each change, what the files that it reacts to should hold
	fresh     int   // the next content that nobody has seen
	disk      visible
	drifted   bool  // owners and modes are wrong
	rendered  []int // what the bundle keeps to publish; nil for nothing
	rejected  string
	vetoedAt  time.Time
	missing   int
	due       []time.Time
	absent    []bool
	ended     []bool    // the certificate on disk has
	until     time.Time // when the first certificate of what is rendered ends
	asking    []bool
	probes    []int // the numbers of those in progress, or given up
	scheduled map[uint64]time.Time
	mustBe    plan.Action // the next step; Rest for any
	served    int         // how often in a row the old certificate was seen
}

// entry is an event or a step.
type entry struct {
	at   time.Time
	what any
}

func (e entry) String() string {
	if step, ok := e.what.(plan.Step); ok {
		return "             -> " + step.Do.String() + " " + brief(reflect.ValueOf(step))
	}
	return e.at.Format("15:04:05.000 ") + describe(e.what.(plan.Event))
}

// visible is what readers see, or saw.
type visible struct {
	content    []int
	made       []int // the content as it was published; nil if an earlier run did that
	check      plan.CheckState
	pending    map[string]bool
	unverified bool
	previous   *visible
}

func newWalk(t *testing.T, seed uint64) *walk {
	w := &walk{
		t: t, seed: seed, Rand: rand.New(rand.NewPCG(seed, 0)), now: now, fresh: 3,
		scheduled: make(map[uint64]time.Time), disk: visible{pending: make(map[string]bool)},
	}
	var setup plan.Setup
	certificates := 0
	if w.IntN(3) == 0 { // templates at the top level
		for range 1 + w.IntN(3) {
			setup.Changes = append(setup.Changes, w.someChange())
		}
	} else {
		setup.Changes = []plan.Change{w.someChange()}
		setup.Checks, setup.Verifies = w.IntN(4) > 0, w.IntN(3) > 0
		if setup.Verifies && w.IntN(2) == 0 {
			setup.Fallback = fallback
		}
		certificates = w.IntN(3)
	}
	if w.IntN(3) == 0 {
		setup.WaitMin, setup.WaitMax = second, 5*second
	}
	setup.ProofTimeout, setup.Spacing = 10*second, 3*second
	w.wanted = make([]int, len(setup.Changes))
	w.disk.content = slices.Repeat([]int{-1}, len(setup.Changes))
	w.due, w.absent, w.asking = make([]time.Time, certificates), slices.Repeat([]bool{true}, certificates), make([]bool, certificates)
	w.ended = make([]bool, certificates)
	w.s = plan.New(setup, certificates, w.now)
	w.begun = w.now
	w.resume(w.s.Setup, plan.Payload{})
	return w
}

func (w *walk) someChange() plan.Change {
	return []plan.Change{{}, reload, reload, restart}[w.IntN(4)]
}

func (w *walk) run() {
	for range 20 + w.IntN(400) {
		w.step()
		if w.IntN(3) == 0 {
			w.happen()
		}
	}
	w.good = true
	for range 400 {
		if w.s.Next(w.now).Do == plan.Rest && w.converged() && w.outstanding() == 0 && w.s.Unissued() < 0 {
			if r := w.s.Readiness; !r.MayStart || !r.Ready || !r.Settled {
				w.fail("all is done, but who waits for it is not told: %+v", r)
			}
			return
		}
		w.step()
	}
	w.fail("all goes well, but it does not come to an end")
}

func (w *walk) fail(format string, args ...any) {
	w.t.Helper()
	var log []string
	for _, e := range w.log[max(0, len(w.log)-80):] {
		log = append(log, e.String())
	}
	w.t.Fatalf("seed %d: %s\nsetup %+v\nstate %s\nthe last of %d events:\n%s",
		w.seed, fmt.Sprintf(format, args...), w.s.Setup, show(w.s), len(w.log), strings.Join(log, "\n"))
}

// chance is true once in n times, and never when all goes well.
func (w *walk) chance(n int) bool { return !w.good && w.IntN(n) == 0 }

func (w *walk) failure() plan.Failure { return plan.Failure{Now: w.now, Random: w.Float64()} }

func digestOf(content []int) string { return fmt.Sprint(content) }

// outstanding is how much is under way of which the outcome comes by itself.
func (w *walk) outstanding() int {
	n := 0
	if w.s.Fetching {
		n = w.missing
	}
	for _, asking := range w.asking {
		if asking {
			n++
		}
	}
	if w.s.Verification.Probing {
		n++
	}
	return n
}

// converged reports whether nothing is left to do.
func (w *walk) converged() bool {
	return slices.Equal(w.disk.content, w.wanted) && !w.drifted && w.disk.check == plan.Passed &&
		len(w.disk.pending) == 0 && !w.disk.unverified && !slices.Contains(w.absent, true) && !slices.Contains(w.ended, true) && !w.s.Stale
}

// apply gives the state an event.
func (w *walk) apply(e plan.Event) {
	before := w.s
	copied := before
	check := w.IntN(20) == 0
	if check {
		copied = clone(w.t, before)
	}
	w.s = before.After(e)
	w.log = append(w.log, entry{w.now, e})
	if check && show(before) != show(copied) {
		w.fail("the event has changed the state that it came to")
	}
	if r, old := w.s.Readiness, before.Readiness; old.MayStart && !r.MayStart || old.Ready && !r.Ready || old.Settled && !r.Settled {
		switch e.(type) {
		case plan.Merged, plan.Resumed:
		default:
			w.fail("readiness was taken back")
		}
	}
	if _, observed := e.(plan.Observed); observed {
		return
	}
	for _, p := range w.s.Published.Pending {
		for _, q := range before.Published.Pending {
			if p.Ticket == q.Ticket && p.NotBefore != q.NotBefore {
				w.fail("change %q was scheduled anew under an old ticket", p.Key)
			}
		}
	}
}

// verify compares the state with the truth.
func (w *walk) verify() {
	w.t.Helper()
	pending := make(map[string]bool)
	tickets := make(map[uint64]bool)
	for _, p := range w.s.Published.Pending {
		if pending[p.Key] || tickets[p.Ticket] || p.Ticket == 0 || p.Ticket > w.s.Tickets || p.Fallback != (p.Key == fallback.Key) {
			w.fail("a change is pending twice, or under a ticket of another, or is not what it seems to be: %+v", p)
		}
		pending[p.Key], tickets[p.Ticket] = true, true
	}
	if !maps.Equal(pending, w.disk.pending) {
		w.fail("pending are %v, but should be %v", pending, w.disk.pending)
	}
	if w.s.Published.Check != w.disk.check {
		w.fail("what is published counts as %v, but is %v", w.s.Published.Check, w.disk.check)
	}
	if w.s.Verification.Unverified != w.disk.unverified {
		w.fail("unverified is %v", w.s.Verification.Unverified)
	}
	if waits := w.s.Content == plan.Differs || w.s.Content == plan.Drifted; waits != (w.rendered != nil) || waits && w.s.Rendered.Digest != digestOf(w.rendered) || !waits && w.s.Rendered.Digest != "" {
		w.fail("content %d, but the bundle keeps %v to publish", w.s.Content, w.rendered)
	}
	if w.s.Stopping {
		return
	}
	if slices.Equal(w.asking, asking(w.s)) {
		return
	}
	w.fail("asking is %v", w.asking)
}

func asking(s plan.State) []bool {
	all := make([]bool, len(s.Certificates))
	for i, c := range s.Certificates {
		all[i] = c.Asking
	}
	return all
}

// step lets the bundle look around and take its next step.
func (w *walk) step() {
	w.verify()
	w.observe()
	w.verify()
	step := w.s.Next(w.now)
	w.log = append(w.log, entry{w.now, step})
	w.judge(step)
	w.mustBe = plan.Rest
	w.take(step)
}

// judge refuses steps that must never be taken.
func (w *walk) judge(step plan.Step) {
	do := step.Do
	is := func(all ...plan.Action) bool { return slices.Contains(all, do) }
	switch {
	case w.s.Stopping && do != plan.Stop:
		w.fail("%v instead of stop", do)
	case w.mustBe == plan.Rollback && do != plan.Rollback && do != plan.Fetch:
		w.fail("%v instead of rollback", do)
	case w.mustBe != plan.Rest && do != w.mustBe && do != plan.Fetch && do != plan.Issue:
		w.fail("%v instead of %v", do, w.mustBe)
	case w.disk.check == plan.Vetoed && is(plan.Publish, plan.Repair, plan.Check, plan.React, plan.Verify):
		w.fail("%v before what was vetoed is taken back", do)
	case w.disk.check == plan.Unchecked && is(plan.React, plan.Verify):
		w.fail("%v before the check", do)
	case w.disk.check != plan.Vetoed && do == plan.Rollback:
		w.fail("rollback without a veto")
	case w.disk.check == plan.Passed && do == plan.Check:
		w.fail("check again")
	case !w.s.Fetching && is(plan.Issue, plan.Render, plan.Publish, plan.Repair):
		w.fail("%v before secrets are asked for", do)
	case do == plan.Render && w.allEnded():
		w.fail("%v of what has expired", do)
	case is(plan.Publish, plan.Repair) && !w.until.IsZero() && !w.until.After(w.now):
		w.fail("%v of what expired while it waited", do)
	case do == plan.Render && (w.missing > 0 || slices.Contains(w.absent, true)):
		w.fail("something is missing")
	case is(plan.Publish, plan.Repair) && !slices.Equal(w.rendered, w.wanted):
		w.fail("%v of %v, wanted is %v", do, w.rendered, w.wanted)
	case do == plan.Publish && digestOf(w.rendered) == w.rejected && w.now.Sub(w.vetoedAt).Abs() < 200*time.Millisecond:
		w.fail("what was vetoed is published again at once")
	case do == plan.Doubt && (!w.disk.unverified || w.disk.check != plan.Passed):
		w.fail("doubt without need")
	case do == plan.Verify && (!w.disk.unverified || w.s.Verification.Probing):
		w.fail("verify without need")
	case do == plan.Issue && (w.asking[step.Index] || w.due[step.Index].After(w.now)):
		w.fail("certificate %d is asked for without need", step.Index)
	case do == plan.Rest:
		w.judgeRest(step.Until)
	}
}

// allEnded reports whether there are certificates and all of them have ended.
func (w *walk) allEnded() bool { return len(w.ended) > 0 && !slices.Contains(w.ended, false) }

// judgeRest refuses to wait for ever.
func (w *walk) judgeRest(until time.Time) {
	if until.IsZero() {
		if w.outstanding() == 0 && !w.converged() {
			w.fail("rest for ever, with something to do")
		}
		return
	}
	if !until.After(w.now) {
		w.fail("rest until a time that has come")
	}
	limit := 5*minute + 10*second
	if w.missing > 0 || len(w.due) > 0 || !w.s.Fetching { // these have clocks of their own
		limit = 25 * time.Hour
	}
	if until.Sub(w.now) > limit && !w.converged() && w.outstanding() == 0 {
		w.fail("rest for %v", until.Sub(w.now))
	}
}

// observe is what the loop does before each step.
func (w *walk) observe() {
	e := plan.Observed{Now: w.now, Missing: w.missing, VaultFailed: w.chance(20), Scheduled: make(map[uint64]time.Time)}
	for i := range w.due {
		if w.absent[i] || w.ended[i] {
			w.due[i] = w.now
		}
		e.Certificates = append(e.Certificates, plan.Clock{Due: w.due[i], Absent: w.absent[i], Ended: w.ended[i]})
	}
	if w.rendered != nil && !w.until.IsZero() && !w.until.After(w.now) {
		w.rendered = nil
	}
	for _, p := range w.s.Published.Pending {
		if _, ok := w.scheduled[p.Ticket]; !ok {
			w.scheduled[p.Ticket] = p.NotBefore
			if w.chance(5) {
				w.scheduled[p.Ticket] = w.now // another bundle runs an equal one
			}
		}
		e.Scheduled[p.Ticket] = w.scheduled[p.Ticket]
	}
	w.apply(e)
}

// again refuses that what has failed is tried again at once.
func (w *walk) again(do plan.Action, index int) {
	if step := w.s.Next(w.now); step.Do == do && step.Index == index {
		w.fail("%v is tried again at once", do)
	}
}

func (w *walk) pass(most time.Duration) {
	w.now = w.now.Add(time.Duration(w.Float64() * float64(most)))
}

func (w *walk) take(step plan.Step) {
	if w.IntN(2) == 0 {
		w.pass(100 * time.Millisecond)
	}
	switch step.Do {
	case plan.Rest:
		w.rest(step.Until)
	case plan.Fetch:
		w.apply(plan.FetchStarted{})
	case plan.Issue:
		if w.chance(8) {
			w.apply(plan.IssueHeld{Index: step.Index, Until: w.now.Add(w.upTo(time.Hour))})
			w.again(plan.Issue, step.Index)
			return
		}
		w.asking[step.Index] = true
		w.apply(plan.IssueStarted{Index: step.Index})
	case plan.Render:
		w.render()
	case plan.Publish:
		w.publish()
	case plan.Repair:
		if w.chance(4) {
			w.apply(plan.RepairFailed{Failure: w.failure()})
			w.again(plan.Repair, 0)
			return
		}
		w.drifted, w.rendered = false, nil
		if w.disk.check == plan.Passed {
			w.rejected = ""
		}
		w.apply(plan.Repaired{})
	case plan.Check:
		w.check()
	case plan.Rollback:
		w.rollback()
	case plan.React:
		w.react(step.Index)
	case plan.Verify:
		w.startProbe()
	case plan.Doubt:
		e := plan.Unproven{Failure: w.failure(), Other: w.IntN(2) == 0}
		if e.Other {
			w.servedOld()
		}
		w.apply(e)
		w.again(plan.Doubt, 0)
		w.again(plan.Verify, 0)
	case plan.Stop:
		w.stop()
	}
}

func (w *walk) upTo(d time.Duration) time.Duration {
	return time.Duration(w.Float64() * float64(d)).Round(time.Millisecond)
}

// rest lets time pass, and what is under way come to its end.
func (w *walk) rest(until time.Time) {
	if w.outstanding() > 0 && (w.good || w.IntN(3) > 0) {
		w.answer()
		return
	}
	d := w.upTo(30 * second) // the loop looks at the clock at least that often
	if !until.IsZero() && (w.good || w.IntN(3) > 0) {
		d = max(until.Sub(w.now), 0)
		d = min(d, 24*time.Hour)
	}
	w.now = w.now.Add(d)
}

func (w *walk) render() {
	switch {
	case w.chance(5):
		w.rendered = nil
		w.apply(plan.RenderFailed{Failure: w.failure()})
		w.again(plan.Render, 0)
		return
	case w.chance(6):
		w.rendered = nil
		w.missing++
		w.apply(plan.RenderIncomplete{})
		return
	}
	g := plan.Generation{Digest: digestOf(w.wanted), Origin: plan.Origin{Config: digestOf(w.wanted)}, Differs: make([]bool, len(w.wanted))}
	content := plan.Same
	if w.drifted {
		content = plan.Drifted
	}
	for i := range w.wanted {
		if g.Differs[i] = w.wanted[i] != w.disk.content[i]; g.Differs[i] {
			content = plan.Differs
		}
	}
	w.rendered = nil
	w.until = time.Time{}
	if content != plan.Same {
		if !w.good && w.IntN(2) == 0 {
			w.until = w.now.Add(w.upTo(time.Hour))
			g.Until = w.until
		}
		w.rendered = slices.Clone(w.wanted)
	} else if w.disk.check == plan.Passed {
		w.rejected = ""
	}
	w.apply(plan.Rendered{Generation: g, Content: content})
}

func (w *walk) publish() {
	if w.chance(4) {
		w.apply(plan.PublishFailed{Failure: w.failure()})
		w.again(plan.Publish, 0)
		return
	}
	e := plan.Published{}
	next := visible{content: w.rendered, made: w.rendered, pending: maps.Clone(w.disk.pending), unverified: w.s.Setup.Verifies}
	for key := range next.pending { // the configuration may know it no longer
		if !slices.Contains(w.s.Setup.Changes, plan.Change{Key: key}) {
			delete(next.pending, key)
		}
	}
	for i, c := range w.s.Setup.Changes {
		e.Due = append(e.Due, w.now.Add(w.upTo(3*second)))
		if c.Key != "" && w.rendered[i] != w.disk.content[i] {
			next.pending[c.Key] = true
		}
	}
	if w.chance(10) {
		e.NotNeeded = []string{restart.Key}
		delete(next.pending, restart.Key)
	}
	if w.s.Setup.Checks {
		before := w.disk
		next.check, next.previous = plan.Unchecked, &before
		w.mustBe = plan.Check
	} else {
		w.rejected = ""
	}
	w.disk, w.rendered, w.drifted = next, nil, false // what was not proven stays so
	w.apply(e)
}

func (w *walk) check() {
	if w.chance(3) {
		w.disk.check = plan.Vetoed
		w.apply(plan.CheckVetoed{})
		w.mustBe = plan.Rollback
		return
	}
	w.disk.check, w.disk.previous, w.rejected = plan.Passed, nil, ""
	w.apply(plan.CheckPassed{})
}

func (w *walk) rollback() {
	switch {
	case w.chance(4):
		w.apply(plan.RollbackFailed{Failure: w.failure()})
		w.again(plan.Rollback, 0)
		return
	case w.disk.previous == nil || w.chance(8):
		w.disk.check = plan.Unchecked
		w.apply(plan.NoPrevious{Failure: w.failure()})
		w.again(plan.Check, 0)
		return
	}
	vetoed := w.disk
	unknown := w.s.Published.Previous == nil
	w.disk = *vetoed.previous
	w.disk.pending = maps.Clone(w.disk.pending)
	w.disk.unverified = w.s.Setup.Verifies
	w.drifted = false
	w.vetoedAt = w.now
	if w.rejected = ""; vetoed.made != nil {
		w.rejected = digestOf(vetoed.made)
	}
	w.apply(plan.RolledBack{Failure: w.failure()})
	if w.rendered = nil; w.s.Rendered.Digest != "" { // a digest that the bundle does not know fails in verify
		w.rendered, w.until = vetoed.made, w.s.Rendered.Until
	}
	if !unknown {
		return
	}
	// Nothing is known of what is there now: it is checked, and more may be pending
	// than is needed, but nothing less.
	w.disk.check = plan.Unchecked
	for key := range w.disk.pending {
		if !slices.ContainsFunc(w.s.Published.Pending, func(p plan.PendingChange) bool { return p.Key == key }) {
			w.fail("change %q is forgotten", key)
		}
	}
	for _, p := range w.s.Published.Pending {
		w.disk.pending[p.Key] = true
	}
}

func (w *walk) react(index int) {
	p := w.s.Published.Pending[index]
	if w.scheduled[p.Ticket].After(w.now) {
		w.fail("change %q runs before its time", p.Key)
	}
	switch {
	case w.chance(3):
		w.apply(plan.ChangeFailed{Index: index, Failure: w.failure()})
		w.again(plan.React, index)
		return
	case w.chance(5):
		w.apply(plan.TargetAbsent{Index: index, Failure: w.failure(), Listening: w.chance(2)})
		w.again(plan.React, index)
		return
	case w.chance(6):
		w.apply(plan.ChangeHeld{Index: index, Failure: w.failure()})
		w.again(plan.React, index)
		return
	case w.chance(6):
		w.apply(plan.ChangeNotNeeded{Index: index, Now: w.now, Listening: w.chance(2)})
	default:
		w.apply(plan.ChangeDone{Index: index})
	}
	delete(w.disk.pending, p.Key)
}

func (w *walk) startProbe() {
	for _, p := range w.s.Published.Pending {
		if p.Failures == 0 && p.Absent == 0 && p.Held < 4 {
			w.fail("verify before change %q", p.Key)
		}
	}
	if w.chance(8) {
		w.apply(plan.NothingToVerify{Failure: w.failure()})
		w.again(plan.Verify, 0)
		return
	}
	w.apply(plan.VerifyStarted{})
	w.probes = append(w.probes, w.s.Verification.Probe)
}

// answer ends something that is under way.
func (w *walk) answer() {
	switch i := w.IntN(2 + len(w.asking)); {
	case i == 0 && w.missing > 0 && w.s.Fetching:
		w.missing--
		w.change()
		w.apply(plan.SecretsChanged{Now: w.now})
	case i == 1 && len(w.probes) > 0:
		w.conclude()
	case i >= 2 && w.asking[i-2]:
		w.issued(i - 2)
	}
}

func (w *walk) issued(i int) {
	w.asking[i] = false
	switch {
	case w.chance(8):
		w.apply(plan.IssueAbandoned{Index: i})
	case w.chance(3):
		e := plan.IssueFailed{Index: i, Failure: w.failure(), Slow: w.IntN(2) == 0, RetryAfter: w.upTo(minute)}
		e.Refused = e.Slow
		w.apply(e)
		w.again(plan.Issue, i)
	default:
		w.absent[i], w.ended[i] = false, false
		w.due[i] = w.now.Add(time.Hour + w.upTo(10*time.Hour))
		w.wanted[0], w.fresh = w.fresh, w.fresh+1
		w.apply(plan.Issued{Index: i, Now: w.now, Due: w.due[i]})
	}
}

// conclude delivers the result of a probe, which may be one that was given up.
func (w *walk) conclude() {
	at := w.IntN(len(w.probes))
	if w.good {
		at = len(w.probes) - 1
	}
	number := w.probes[at]
	w.probes = slices.Delete(w.probes, at, at+1)
	counts := w.s.Verification.Probing && number == w.s.Verification.Probe
	switch {
	case w.chance(3):
		if counts {
			w.servedOld()
		}
		w.apply(plan.ServedOld{Probe: number, Failure: w.failure()})
	case w.chance(4):
		w.apply(plan.Unreachable{Probe: number, Failure: w.failure()})
	case w.chance(5):
		w.apply(plan.ProbeFailed{Probe: number, Failure: w.failure()})
	default:
		if counts {
			w.disk.unverified, w.served = false, 0
		}
		w.apply(plan.Verified{Probe: number})
	}
	if counts && w.disk.unverified {
		w.again(plan.Verify, 0)
	}
}

// servedOld is what has to follow when the old certificate is served: the change
// once more, and after that the fallback, if there is one.
func (w *walk) servedOld() {
	w.served++
	change, hasFallback := w.s.Setup.Changes[0].Key, w.s.Setup.Fallback.Key != ""
	switch {
	case hasFallback && w.served > 1:
		w.disk.pending = map[string]bool{fallback.Key: true}
	case change != "" && len(w.disk.pending) == 0:
		w.disk.pending[change] = true
	}
}

// happen is what comes from outside.
func (w *walk) happen() {
	if w.mustBe != plan.Rollback && w.mustBe != plan.Stop {
		w.mustBe = plan.Rest
	}
	switch w.IntN(20) {
	case 0, 1, 2:
		if w.s.Fetching { // or nobody asks for them
			w.change()
			w.apply(plan.SecretsChanged{Now: w.now})
		}
	case 3:
		w.change()
		w.apply(plan.InputsChanged{Now: w.now})
	case 4:
		if w.IntN(2) == 0 {
			w.drifted = true
		} else {
			w.disk.content = slices.Clone(w.disk.content)
			w.disk.content[w.IntN(len(w.disk.content))] = -1
		}
		w.apply(plan.FilesChanged{Now: w.now})
		w.rendered = w.rendered[:len(w.rendered):len(w.rendered)]
	case 5:
		w.now = w.now.Add(-w.upTo(24 * 365 * time.Hour))
	case 6:
		w.pass(24 * time.Hour)
	case 7, 8:
		w.resume(w.s.Setup, w.remembered())
	case 9:
		w.reload()
	case 10:
		w.merge()
	case 12:
		for i := range w.ended {
			if !w.absent[i] && !w.asking[i] && w.IntN(2) == 0 {
				w.ended[i], w.due[i] = true, w.now
			}
		}
	case 11:
		w.apply(plan.Stopping{})
		w.mustBe = plan.Stop
	default:
		w.answer()
	}
}

// change makes other content wanted: new, or what was wanted before.
func (w *walk) change() {
	i := w.IntN(len(w.wanted))
	if w.IntN(2) == 0 {
		w.wanted[i] = w.IntN(3)
		return
	}
	w.wanted[i], w.fresh = w.fresh, w.fresh+1
}

// remembered goes through the record, as it does.
func (w *walk) remembered() plan.Payload {
	left := w.s.Remembered()
	parsed, err := plan.ParsePayload(json.RawMessage(left.JSON()))
	if err != nil || !reflect.DeepEqual(parsed, left) {
		w.fail("%v: remembered is %+v, read is %+v", err, left, parsed)
	}
	return parsed
}

// stop ends the loop. It begins again, in this run of the agent or in another one.
func (w *walk) stop() {
	for i := range w.asking {
		if w.asking[i] {
			w.asking[i] = false
			w.apply(plan.IssueAbandoned{Index: i})
		}
	}
	w.probes = nil
	if w.IntN(2) == 0 {
		w.resume(w.s.Setup, w.remembered())
		return
	}
	w.apply(plan.Started{})
}

// resume is a start with what an earlier run left.
func (w *walk) resume(setup plan.Setup, left plan.Payload) {
	e := plan.Resumed{Now: w.now, Payload: left, OnDisk: w.IntN(2) == 0, Serves: w.IntN(3) > 0}
	if slices.Equal(w.disk.content, w.wanted) && !w.drifted && !slices.Contains(w.absent, true) && w.IntN(3) > 0 {
		e.FreshUntil = w.now.Add(minute + w.upTo(time.Hour))
	}
	w.s = plan.New(setup, len(w.due), w.now)
	w.rendered, w.probes, w.served = nil, nil, 0
	clear(w.asking)
	clear(w.scheduled)
	for at := &w.disk; at != nil; at = at.previous {
		at.made = nil
	}
	w.missing = w.IntN(3)
	w.disk.unverified = setup.Verifies && e.Serves
	switch {
	case !setup.Checks:
		w.disk.check, w.disk.previous, w.rejected = plan.Passed, nil, ""
	case w.disk.check == plan.Vetoed:
		w.disk.check = plan.Unchecked
	}
	if !e.FreshUntil.IsZero() && w.disk.check == plan.Passed {
		w.rejected = ""
	}
	w.apply(e)
	for i := range w.due {
		w.apply(plan.CertificateLoaded{Index: i})
	}
	w.mustBe = plan.Rest
}

// reload starts the bundle with another configuration.
func (w *walk) reload() {
	setup := w.s.Setup
	setup.Changes = slices.Clone(setup.Changes)
	setup.Changes[w.IntN(len(setup.Changes))] = w.someChange()
	if len(setup.Changes) == 1 && w.IntN(3) == 0 {
		setup.Checks = !setup.Checks
	}
	left := w.remembered()
	for at := &w.disk; at != nil; at = at.previous {
		at.pending = configured(setup, at.pending)
	}
	w.resume(setup, left)
}

// configured is what becomes of pending changes under another configuration.
func configured(setup plan.Setup, pending map[string]bool) map[string]bool {
	found, all := make(map[string]bool), make(map[string]bool)
	for _, c := range setup.Changes {
		if c.Key != "" {
			all[c.Key] = true
		}
	}
	for key := range pending {
		if all[key] || key == setup.Fallback.Key {
			found[key] = true
		}
	}
	if len(found) == 0 && len(pending) > 0 {
		return all
	}
	return found
}

// merge makes one bundle of this and another one, which has something pending.
func (w *walk) merge() {
	s := w.s.Setup
	if s.Checks || s.Verifies || len(w.due) > 0 || len(s.Changes) > 4 {
		return
	}
	c := w.someChange()
	other := plan.New(plan.Setup{Changes: []plan.Change{c}}, 0, w.now)
	other = other.After(plan.FetchStarted{}).After(plan.Rendered{Generation: plan.Generation{Differs: []bool{true}}, Content: plan.Differs})
	other = other.After(plan.Published{Due: []time.Time{w.now}})
	if c.Key != "" {
		w.disk.pending[c.Key] = true
	}
	s.Changes = append(slices.Clone(s.Changes), c)
	w.wanted, w.disk.content = append(w.wanted, 0), append(slices.Clone(w.disk.content), 0)
	w.rendered, w.rejected = nil, ""
	w.apply(plan.Merged{Other: other, Setup: s})
	w.apply(plan.FetchStarted{})
	w.mustBe = plan.Rest
}
