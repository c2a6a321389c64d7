// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan_test

import (
	"testing"
	"time"

	"github.com/certagent/certagent/agent/plan"
)

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func in(d time.Duration) time.Time { return now.Add(d) }

// What happens next. Each row says what is true of a bundle besides what the
// table begins with.
func TestNext(t *testing.T) {
	type state = plan.State
	rest := plan.Step{Do: plan.Rest}
	until := func(d time.Duration) plan.Step { return plan.Step{Do: plan.Rest, Until: in(d)} }
	pending := func(s *state, all ...plan.PendingChange) { s.Published.Pending = all }
	due := plan.PendingChange{}
	later := func(d time.Duration) plan.PendingChange { return plan.PendingChange{NotBefore: in(d)} }
	failed := func(d time.Duration) plan.PendingChange { return plan.PendingChange{NotBefore: in(d), Failures: 1} }
	certificates := func(s *state, all ...plan.Issuance) { s.Certificates = all }
	good := plan.Issuance{Due: in(time.Hour)}
	absent := plan.Issuance{Absent: true}
	asking := plan.Issuance{Absent: true, Asking: true}
	quiet := func(first, last time.Duration) plan.Quiet {
		return plan.Quiet{First: in(first), Last: in(last), Min: 2 * time.Second, Max: time.Minute}
	}
	tables := []struct {
		name string
		base state
		rows rows
	}{
		{"nothing is asked of Vault yet", state{}, rows{
			{"new: ask for the secrets", func(s *state) {}, plan.Step{Do: plan.Fetch}},
			{"fresh on disk: ask for nothing until it is due", func(s *state) { s.FreshUntil = in(time.Hour) }, until(time.Hour)},
			{"fresh on disk, but a change is pending: run it without asking", func(s *state) { s.FreshUntil = in(time.Hour); pending(s, due) }, plan.Step{Do: plan.React}},
			{"fresh on disk: no certificate is issued", func(s *state) { s.FreshUntil = in(time.Minute); certificates(s, plan.Issuance{Due: now}) }, until(time.Minute)},
			{"fresh on disk: nothing is rendered", func(s *state) { s.FreshUntil = in(time.Minute); s.Stale = true }, until(time.Minute)},
			{"fresh on disk: nothing is published", func(s *state) { s.FreshUntil = in(time.Minute); s.Content = plan.Differs }, until(time.Minute)},
			{"fresh on disk, but unchecked: check", func(s *state) { s.FreshUntil = in(time.Minute); s.Published.Check = plan.Unchecked }, plan.Step{Do: plan.Check}},
			{"fresh on disk, but not known to be served: verify", func(s *state) { s.FreshUntil = in(time.Minute); s.Verification.Unverified = true }, plan.Step{Do: plan.Verify}},
			{"new, a change is pending: ask first", func(s *state) { pending(s, due) }, plan.Step{Do: plan.Fetch}},
			{"new, vetoed: ask first", func(s *state) { s.Published.Check = plan.Vetoed }, plan.Step{Do: plan.Fetch}},
			{"no longer fresh: ask", func(s *state) { s.FreshUntil = now }, plan.Step{Do: plan.Fetch}},
			{"shutdown: stop", func(s *state) { s.Stopping = true }, plan.Step{Do: plan.Stop}},
		}},
		{"secrets", state{Fetching: true}, rows{
			{"nothing came yet: rest", func(s *state) { s.Missing, s.Stale = 2, true }, rest},
			{"the last one is missing: rest", func(s *state) { s.Missing, s.Stale = 1, true }, rest},
			{"nothing came yet, a change is pending: run it", func(s *state) { s.Missing = 1; pending(s, due) }, plan.Step{Do: plan.React}},
			{"all secrets are there: render", func(s *state) { s.Stale = true }, plan.Step{Do: plan.Render}},
			{"rendering failed: wait for its back-off", func(s *state) { s.Stale, s.Retry.Render = true, in(time.Second) }, until(time.Second)},
			{"rendering failed, a pending change is not held back", func(s *state) { s.Stale, s.Retry.Render = true, in(time.Second); pending(s, due) }, plan.Step{Do: plan.React}},
			{"back-off is over: render again", func(s *state) { s.Stale, s.Retry.Render = true, now }, plan.Step{Do: plan.Render}},
			{"changed: publish", func(s *state) { s.Content = plan.Differs }, plan.Step{Do: plan.Publish}},
			{"changed while a change is pending: publish first, react once", func(s *state) { s.Content = plan.Differs; pending(s, due) }, plan.Step{Do: plan.Publish}},
			{"publishing failed: wait for its back-off", func(s *state) { s.Content, s.Retry.Publish = plan.Differs, in(time.Minute) }, until(time.Minute)},
			{"secrets change again while publishing fails: render the newest", func(s *state) { s.Stale, s.Content, s.Retry.Publish = true, plan.Differs, in(time.Minute) }, plan.Step{Do: plan.Render}},
			{"secrets change before publishing, rendering fails: what is outdated is not published",
				func(s *state) { s.Stale, s.Content, s.Retry.Render = true, plan.Differs, in(time.Minute) }, until(time.Minute)},
			{"secrets change before repairing, one is missing: nothing is repaired after an outdated rendering",
				func(s *state) { s.Stale, s.Content, s.Missing = true, plan.Drifted, 1 }, rest},
			{"equal: rest", func(s *state) { s.Content = plan.Same }, rest},
			{"nothing rendered: nothing to publish", func(s *state) { s.Content = plan.Unknown }, rest},
			{"equal, but owner or mode drifted: repair", func(s *state) { s.Content = plan.Drifted }, plan.Step{Do: plan.Repair}},
			{"drifted, repairing failed: wait", func(s *state) { s.Content, s.Retry.Publish = plan.Drifted, in(time.Second) }, until(time.Second)},
			{"pending: react", func(s *state) { s.Content = plan.Same; pending(s, due) }, plan.Step{Do: plan.React}},
			{"pending, held back by splay or back-off: rest until the first is due",
				func(s *state) { s.Content = plan.Same; pending(s, later(time.Minute), later(time.Second)) }, until(time.Second)},
			{"pending, the second is due before the first", func(s *state) { s.Content = plan.Same; pending(s, later(time.Minute), due) }, plan.Step{Do: plan.React, Index: 1}},
			{"shutdown: stop, whatever is pending or due", func(s *state) { s.Stopping, s.Stale, s.Content = true, true, plan.Differs; pending(s, due) }, plan.Step{Do: plan.Stop}},
			{"a burst: wait until it has been quiet for the minimum", func(s *state) { s.Stale, s.Quiet = true, quiet(-time.Second, 0) }, until(2 * time.Second)},
			{"a burst without end: render at the maximum", func(s *state) { s.Stale, s.Quiet = true, quiet(-time.Minute, 0) }, plan.Step{Do: plan.Render}},
			{"a burst, near the maximum: wait until then", func(s *state) { s.Stale, s.Quiet = true, quiet(-59*time.Second, 0) }, until(time.Second)},
			{"quiet for long enough: render", func(s *state) { s.Stale, s.Quiet = true, quiet(-3*time.Second, -2*time.Second) }, plan.Step{Do: plan.Render}},
			{"a burst without a maximum: wait for the minimum", func(s *state) {
				s.Stale, s.Quiet = true, quiet(-time.Hour, 0)
				s.Quiet.Max = 0
			}, until(2 * time.Second)},
			{"a burst with the shortest maximum: render", func(s *state) {
				s.Stale, s.Quiet = true, quiet(-time.Second, 0)
				s.Quiet.Max = 1
			}, plan.Step{Do: plan.Render}},
			{"rendering failed during a burst: the later of both holds it back", func(s *state) {
				s.Stale, s.Quiet, s.Retry.Render = true, quiet(0, 0), in(3*time.Second)
			}, until(3 * time.Second)},
		}},
		{"certificates", state{Fetching: true}, rows{
			{"new: ask for the certificate", func(s *state) { s.Stale = true; certificates(s, absent) }, plan.Step{Do: plan.Issue}},
			{"new, two of them: ask for both at once", func(s *state) { s.Stale = true; certificates(s, asking, absent) }, plan.Step{Do: plan.Issue, Index: 1}},
			{"both are asked for: rest", func(s *state) { s.Stale = true; certificates(s, asking, asking) }, rest},
			{"one is there, the other is asked for: they are published together", func(s *state) { s.Stale = true; certificates(s, good, asking) }, until(time.Hour)},
			{"one is there, its successor is asked for: they are published together", func(s *state) {
				s.Stale = true
				certificates(s, good, plan.Issuance{Due: now, Asking: true})
			}, until(time.Hour)},
			{"a valid pair is on disk: render, ask for nothing", func(s *state) { s.Stale = true; certificates(s, good) }, plan.Step{Do: plan.Render}},
			{"equal: rest until it is due", func(s *state) { s.Content = plan.Same; certificates(s, good) }, until(time.Hour)},
			{"due: ask, while the old one is served", func(s *state) { s.Content = plan.Same; certificates(s, plan.Issuance{Due: now}) }, plan.Step{Do: plan.Issue}},
			{"asking failed: wait for the back-off", func(s *state) {
				s.Content = plan.Same
				certificates(s, plan.Issuance{Due: now, NotBefore: in(time.Second), Failures: 1})
			}, until(time.Second)},
			{"asking failed, the old pair is good: another member's change is published without it", func(s *state) {
				s.Stale = true
				certificates(s, plan.Issuance{Due: now, NotBefore: in(time.Second), Failures: 1})
			}, plan.Step{Do: plan.Render}},
			{"asking failed and is tried again: another member's change is still published without it", func(s *state) {
				s.Stale = true
				certificates(s, plan.Issuance{Due: now, Asking: true, Failures: 1})
			}, plan.Step{Do: plan.Render}},
			{"asking failed, there is no pair: nothing is published", func(s *state) {
				s.Stale = true
				certificates(s, plan.Issuance{Absent: true, NotBefore: in(time.Second), Failures: 1})
			}, until(time.Second)},
			{"asking failed and is due again: ask before anything is rendered", func(s *state) {
				s.Stale = true
				certificates(s, plan.Issuance{Due: now, Failures: 1})
			}, plan.Step{Do: plan.Issue}},
			{"the breaker holds it: wait, and render without it", func(s *state) {
				s.Stale = true
				certificates(s, plan.Issuance{Due: now, NotBefore: in(time.Hour)})
			}, plan.Step{Do: plan.Render}},
			{"asked while a change is pending: the change goes on", func(s *state) {
				s.Content = plan.Same
				certificates(s, plan.Issuance{Due: now, Asking: true})
				pending(s, due)
			}, plan.Step{Do: plan.React}},
		}},
		{"check and rollback", state{Fetching: true, Content: plan.Same}, rows{
			{"published: check before anything reacts or is verified", func(s *state) {
				s.Published.Check, s.Verification.Unverified = plan.Unchecked, true
				pending(s, due)
			}, plan.Step{Do: plan.Check}},
			{"the check waits for its next try: nothing reacts", func(s *state) {
				s.Published.Check, s.Retry.Check, s.Verification.Unverified = plan.Unchecked, in(time.Second), true
				pending(s, due)
			}, until(time.Second)},
			{"the check waits for its next try: nothing is verified", func(s *state) {
				s.Published.Check, s.Retry.Check, s.Verification.Unverified = plan.Unchecked, in(time.Second), true
			}, until(time.Second)},
			{"the check waits for its next try, a change has failed: nothing is verified", func(s *state) {
				s.Published.Check, s.Retry.Check, s.Verification.Unverified = plan.Unchecked, in(time.Second), true
				pending(s, failed(time.Minute))
			}, until(time.Second)},
			{"unchecked, and the secrets have changed: render first", func(s *state) { s.Stale, s.Published.Check = true, plan.Unchecked }, plan.Step{Do: plan.Render}},
			{"checked: react", func(s *state) { s.Verification.Unverified = true; pending(s, due) }, plan.Step{Do: plan.React}},
			{"a newer generation while one is unchecked: check first, so that there is a way back",
				func(s *state) { s.Content, s.Published.Check = plan.Differs, plan.Unchecked }, plan.Step{Do: plan.Check}},
			{"a newer generation while one cannot pass: publish",
				func(s *state) {
					s.Content, s.Published.Check, s.Retry.Check = plan.Differs, plan.Unchecked, in(time.Hour)
				}, plan.Step{Do: plan.Publish}},
			{"vetoed: roll back", func(s *state) { s.Published.Check = plan.Vetoed; pending(s, due) }, plan.Step{Do: plan.Rollback}},
			{"vetoed, not verified: roll back", func(s *state) { s.Published.Check, s.Verification.Unverified = plan.Vetoed, true }, plan.Step{Do: plan.Rollback}},
			{"vetoed, and a newer one is there: roll back first", func(s *state) { s.Content, s.Published.Check = plan.Differs, plan.Vetoed }, plan.Step{Do: plan.Rollback}},
			{"vetoed, and owner or mode drifted: roll back first", func(s *state) { s.Content, s.Published.Check = plan.Drifted, plan.Vetoed }, plan.Step{Do: plan.Rollback}},
			{"vetoed, and a certificate is due: roll back before it is asked for", func(s *state) {
				s.Published.Check = plan.Vetoed
				certificates(s, plan.Issuance{Due: now})
			}, plan.Step{Do: plan.Rollback}},
			{"vetoed, and the secrets have changed: roll back before anything is rendered", func(s *state) { s.Published.Check, s.Stale = plan.Vetoed, true }, plan.Step{Do: plan.Rollback}},
			{"vetoed after a restart: roll back without asking Vault for anything", func(s *state) {
				s.Fetching, s.FreshUntil, s.Published.Check = false, in(time.Hour), plan.Vetoed
			}, plan.Step{Do: plan.Rollback}},
			{"rolling back failed: wait; nothing is published or reacted to", func(s *state) {
				s.Content, s.Published.Check, s.Retry.Rollback = plan.Differs, plan.Vetoed, in(time.Second)
				pending(s, due)
			}, until(time.Second)},
			{"rolling back failed: wait; nothing is checked again or verified", func(s *state) {
				s.Published.Check, s.Retry.Rollback, s.Verification.Unverified = plan.Vetoed, in(time.Second), true
			}, until(time.Second)},
			{"rolling back failed: the newest is rendered meanwhile", func(s *state) {
				s.Stale, s.Published.Check, s.Retry.Rollback = true, plan.Vetoed, in(time.Second)
			}, plan.Step{Do: plan.Render}},
			{"rejected: the previous one is back, wait for the slow pace", func(s *state) {
				s.Content, s.Retry.Rejected, s.Rejected, s.Rendered.Digest = plan.Differs, in(time.Minute), "1", "1"
			}, until(time.Minute)},
			{"rejected, publishing has failed: wait for the later of both", func(s *state) {
				s.Content, s.Retry.Rejected, s.Rejected, s.Rendered.Digest = plan.Differs, in(time.Minute), "1", "1"
				s.Retry.Publish = in(time.Hour)
			}, until(time.Hour)},
			{"rejected, but the previous one still has a pending change: react", func(s *state) {
				s.Content, s.Retry.Rejected = plan.Differs, in(time.Minute)
				pending(s, due)
			}, plan.Step{Do: plan.React}},
			{"rejected, and the pace allows it: publish again", func(s *state) {
				s.Content, s.Retry.Rejected, s.Rejected, s.Rendered.Digest = plan.Differs, now, "1", "1"
			}, plan.Step{Do: plan.Publish}},
			{"rejected, but another one was rendered: publish it at once", func(s *state) {
				s.Content, s.Retry.Rejected, s.Rejected, s.Rendered.Digest = plan.Differs, in(time.Minute), "1", "2"
			}, plan.Step{Do: plan.Publish}},
			{"rejected in an earlier run: another one cannot be told from it", func(s *state) {
				s.Content, s.Retry.Rejected, s.Rendered.Digest = plan.Differs, in(time.Minute), "2"
			}, until(time.Minute)},
		}},
		{"verify", state{Fetching: true, Content: plan.Same, Verification: plan.Verification{Unverified: true}}, rows{
			{"changed: publish", func(s *state) { s.Content = plan.Differs }, plan.Step{Do: plan.Publish}},
			{"pending: not verified before the change", func(s *state) { pending(s, later(time.Second)) }, until(time.Second)},
			{"one of two has failed: not verified before the other", func(s *state) { pending(s, failed(time.Minute), later(time.Second)) }, until(time.Second)},
			{"no target is there: see whether a server is listening", func(s *state) { pending(s, plan.PendingChange{NotBefore: in(time.Second), Absent: 1}) }, plan.Step{Do: plan.Verify}},
			{"no target is there, and it is time to look again: look first", func(s *state) { pending(s, plan.PendingChange{Absent: 1}) }, plan.Step{Do: plan.React}},
			{"the target does not catch the signal yet: not verified before it does", func(s *state) { pending(s, plan.PendingChange{NotBefore: in(time.Second), Held: 3}) }, until(time.Second)},
			{"the target has not caught the signal for long: see what it serves", func(s *state) { pending(s, plan.PendingChange{NotBefore: in(time.Second), Held: 4}) }, plan.Step{Do: plan.Verify}},
			{"the change fails: see whether a server is listening", func(s *state) { pending(s, failed(time.Second)) }, plan.Step{Do: plan.Verify}},
			{"the change fails, and its back-off is over: react first", func(s *state) { pending(s, failed(0)) }, plan.Step{Do: plan.React}},
			{"a probe is in progress", func(s *state) { s.Verification.Probing = true }, rest},
			{"a newer generation while a probe is in progress: publish", func(s *state) { s.Content, s.Verification.Probing = plan.Differs, true }, plan.Step{Do: plan.Publish}},
			{"the change is done: verify", func(s *state) {}, plan.Step{Do: plan.Verify}},
			{"target absent: probe again later", func(s *state) { s.Verification.NotBefore = in(time.Minute) }, until(time.Minute)},
			{"verified: rest", func(s *state) { s.Verification.Unverified = false }, rest},
			{"shutdown: stop, whatever is vetoed, pending or unverified", func(s *state) {
				s.Stopping, s.Published.Check = true, plan.Vetoed
				pending(s, due)
				certificates(s, absent)
			}, plan.Step{Do: plan.Stop}},
		}},
		{"the child may start with what is on disk", state{BornAt: now, Fetching: true, Readiness: plan.Readiness{OnDisk: true}}, rows{
			{"Vault has some time to answer", func(s *state) { s.Missing, s.Stale = 1, true }, until(10*time.Second + time.Millisecond)},
			{"something comes before that", func(s *state) { s.Stale, s.Retry.Render = true, in(time.Second) }, until(time.Second)},
			{"something comes after that", func(s *state) { s.Stale, s.Retry.Render = true, in(time.Minute) }, until(10*time.Second + time.Millisecond)},
			{"it had its time", func(s *state) { s.BornAt = in(-time.Minute) }, rest},
			{"it has started", func(s *state) { s.Readiness.MayStart = true }, rest},
			{"there is nothing on disk", func(s *state) { s.Readiness.OnDisk = false }, rest},
		}},
	}
	for _, table := range tables {
		for _, row := range table.rows {
			t.Run(table.name+"/"+row.name, func(t *testing.T) {
				s := table.base
				row.is(&s)
				if got := s.Next(now); got != row.want {
					t.Errorf("got %v %d until %v, want %v %d until %v", got.Do, got.Index, got.Until, row.want.Do, row.want.Index, row.want.Until)
				}
			})
		}
	}
}

type rows = []struct {
	name string
	is   func(*plan.State)
	want plan.Step
}
