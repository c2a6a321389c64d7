// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/certagent/certagent/agent/plan"
)

func TestNext(t *testing.T) {
	fetching := func(f plan.Facts) plan.Facts {
		f.Fetching = true
		return f
	}
	for _, test := range []struct {
		name  string
		facts plan.Facts
		want  plan.Step
	}{
		{"new: ask for the secrets", plan.Facts{}, plan.Step{Do: plan.Fetch}},
		{"fresh on disk: ask for nothing until it is due",
			plan.Facts{FreshUntil: in(time.Hour)}, plan.Step{Do: plan.Rest, Until: in(time.Hour)}},
		{"fresh on disk, but a change is owed: run it without asking",
			plan.Facts{FreshUntil: in(time.Hour), Owed: []plan.Owed{{}}}, plan.Step{Do: plan.React}},
		{"no longer fresh: ask", plan.Facts{FreshUntil: now}, plan.Step{Do: plan.Fetch}},
		{"asked, nothing came yet: rest", fetching(plan.Facts{Missing: 2, Stale: true}), plan.Step{Do: plan.Rest}},
		{"asked, nothing came yet, a change is owed: run it",
			fetching(plan.Facts{Missing: 1, Owed: []plan.Owed{{}}}), plan.Step{Do: plan.React}},
		{"all secrets are there: render", fetching(plan.Facts{Stale: true}), plan.Step{Do: plan.Render}},
		{"rendering failed: wait for its back-off",
			fetching(plan.Facts{Stale: true, RetryRender: in(time.Second)}),
			plan.Step{Do: plan.Rest, Until: in(time.Second)}},
		{"rendering failed, an owed change is not held back",
			fetching(plan.Facts{Stale: true, RetryRender: in(time.Second), Owed: []plan.Owed{{}}}),
			plan.Step{Do: plan.React}},
		{"back-off is over: render again", fetching(plan.Facts{Stale: true, RetryRender: now}), plan.Step{Do: plan.Render}},
		{"changed: publish", fetching(plan.Facts{Content: plan.Differs}), plan.Step{Do: plan.Publish}},
		{"changed while a change is owed: publish first, react once",
			fetching(plan.Facts{Content: plan.Differs, Owed: []plan.Owed{{}}}), plan.Step{Do: plan.Publish}},
		{"publishing failed: wait for its back-off",
			fetching(plan.Facts{Content: plan.Differs, RetryPublish: in(time.Minute)}),
			plan.Step{Do: plan.Rest, Until: in(time.Minute)}},
		{"secrets change again while publishing fails: render the newest",
			fetching(plan.Facts{Stale: true, Content: plan.Differs, RetryPublish: in(time.Minute)}),
			plan.Step{Do: plan.Render}},
		{"equal: rest", fetching(plan.Facts{Content: plan.Same}), plan.Step{Do: plan.Rest}},
		{"equal, but owner or mode drifted: repair", fetching(plan.Facts{Content: plan.Drifted}), plan.Step{Do: plan.Repair}},
		{"drifted, repairing failed: wait",
			fetching(plan.Facts{Content: plan.Drifted, RetryPublish: in(time.Second)}),
			plan.Step{Do: plan.Rest, Until: in(time.Second)}},
		{"owed: react", fetching(plan.Facts{Content: plan.Same, Owed: []plan.Owed{{}}}), plan.Step{Do: plan.React}},
		{"owed, held back by splay or back-off: rest until then",
			fetching(plan.Facts{Content: plan.Same, Owed: []plan.Owed{{NotBefore: in(time.Minute)}, {NotBefore: in(time.Second)}}}),
			plan.Step{Do: plan.Rest, Until: in(time.Second)}},
		{"owed, the second is due before the first",
			fetching(plan.Facts{Content: plan.Same, Owed: []plan.Owed{{NotBefore: in(time.Minute)}, {}}}),
			plan.Step{Do: plan.React, Index: 1}},
		{"shutdown: stop, whatever is owed or due",
			fetching(plan.Facts{Stopping: true, Stale: true, Content: plan.Differs, Owed: []plan.Owed{{}}}),
			plan.Step{Do: plan.Stop}},
		{"a burst: wait until it has been quiet for the minimum",
			fetching(plan.Facts{Stale: true, Quiet: plan.Quiet{First: in(-time.Second), Last: now, Min: 2 * time.Second, Max: time.Minute}}),
			plan.Step{Do: plan.Rest, Until: in(2 * time.Second)}},
		{"a burst without end: render at the maximum",
			fetching(plan.Facts{Stale: true, Quiet: plan.Quiet{First: in(-time.Minute), Last: now, Min: 2 * time.Second, Max: time.Minute}}),
			plan.Step{Do: plan.Render}},
		{"quiet for long enough: render",
			fetching(plan.Facts{Stale: true, Quiet: plan.Quiet{First: in(-3 * time.Second), Last: in(-2 * time.Second), Min: 2 * time.Second, Max: time.Minute}}),
			plan.Step{Do: plan.Render}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.facts.Now = now
			if got := plan.Next(test.facts); got != test.want {
				t.Errorf("got %v %d until %v, want %v %d until %v",
					got.Do, got.Index, got.Until, test.want.Do, test.want.Index, test.want.Until)
			}
		})
	}
}

// TestNextOfABundleBlock is the table of what certificates, a check and a verify
// add.
func TestNextOfABundleBlock(t *testing.T) {
	good := plan.Certificate{Due: in(time.Hour)}
	absent := plan.Certificate{Absent: true}
	asking := plan.Certificate{Absent: true, Asking: true}
	owed := []plan.Owed{{}}
	certificates := func(all ...plan.Certificate) []plan.Certificate { return all }
	for _, test := range []struct {
		name  string
		facts plan.Facts
		want  plan.Step
	}{
		{"new: ask for the certificate", plan.Facts{Certificates: certificates(absent), Stale: true}, plan.Step{Do: plan.Issue}},
		{"new, two of them: ask for both at once", plan.Facts{Certificates: certificates(asking, absent), Stale: true}, plan.Step{Do: plan.Issue, Index: 1}},
		{"both are asked for: rest", plan.Facts{Certificates: certificates(asking, asking), Stale: true}, plan.Step{Do: plan.Rest}},
		{"one is there, the other is asked for: they are published together",
			plan.Facts{Certificates: certificates(good, asking), Stale: true}, plan.Step{Do: plan.Rest, Until: in(time.Hour)}},
		{"a valid pair is on disk: render, ask for nothing",
			plan.Facts{Certificates: certificates(good), Stale: true}, plan.Step{Do: plan.Render}},
		{"equal: rest until it is due", plan.Facts{Certificates: certificates(good), Content: plan.Same}, plan.Step{Do: plan.Rest, Until: in(time.Hour)}},
		{"due: ask, while the old one is served", plan.Facts{Certificates: certificates(plan.Certificate{Due: now}), Content: plan.Same}, plan.Step{Do: plan.Issue}},
		{"asking failed: wait for the back-off", plan.Facts{Certificates: certificates(plan.Certificate{Due: now, NotBefore: in(time.Second), Failed: true}), Content: plan.Same},
			plan.Step{Do: plan.Rest, Until: in(time.Second)}},
		{"asking failed, the old pair is good: another member's change is published without it",
			plan.Facts{Certificates: certificates(plan.Certificate{Due: now, NotBefore: in(time.Second), Failed: true}), Stale: true}, plan.Step{Do: plan.Render}},
		{"asking failed, there is no pair: nothing is published",
			plan.Facts{Certificates: certificates(plan.Certificate{Absent: true, NotBefore: in(time.Second), Failed: true}), Stale: true},
			plan.Step{Do: plan.Rest, Until: in(time.Second)}},
		{"the breaker holds it: wait, and render without it",
			plan.Facts{Certificates: certificates(plan.Certificate{Due: now, NotBefore: in(time.Hour)}), Stale: true}, plan.Step{Do: plan.Render}},
		{"asked while a change is owed: the change goes on",
			plan.Facts{Certificates: certificates(plan.Certificate{Due: now, Asking: true}), Content: plan.Same, Owed: owed}, plan.Step{Do: plan.React}},

		{"changed: publish", plan.Facts{Content: plan.Differs, Unverified: true}, plan.Step{Do: plan.Publish}},
		{"published: check before anything reacts", plan.Facts{Content: plan.Same, Unchecked: true, Owed: owed, Unverified: true}, plan.Step{Do: plan.Check}},
		{"the check waits for its next try: nothing reacts",
			plan.Facts{Content: plan.Same, Unchecked: true, RetryCheck: in(time.Second), Owed: owed, Unverified: true},
			plan.Step{Do: plan.Rest, Until: in(time.Second)}},
		{"checked: react", plan.Facts{Content: plan.Same, Owed: owed, Unverified: true}, plan.Step{Do: plan.React}},
		{"a newer generation while one is unchecked: check first, so that there is a way back",
			plan.Facts{Content: plan.Differs, Unchecked: true}, plan.Step{Do: plan.Check}},
		{"a newer generation while one cannot pass: publish", plan.Facts{Content: plan.Differs, Unchecked: true, RetryCheck: in(time.Hour)}, plan.Step{Do: plan.Publish}},
		{"vetoed: roll back", plan.Facts{Content: plan.Same, Unchecked: true, Vetoed: true, Owed: owed}, plan.Step{Do: plan.Rollback}},
		{"vetoed, and a newer one is there: roll back first", plan.Facts{Content: plan.Differs, Unchecked: true, Vetoed: true}, plan.Step{Do: plan.Rollback}},
		{"rolling back failed: wait; nothing is published or reacted to",
			plan.Facts{Content: plan.Differs, Unchecked: true, Vetoed: true, RetryRollback: in(time.Second), Owed: owed},
			plan.Step{Do: plan.Rest, Until: in(time.Second)}},
		{"rejected: the previous one is back, wait for the slow pace",
			plan.Facts{Content: plan.Differs, RetryPublish: in(time.Minute)}, plan.Step{Do: plan.Rest, Until: in(time.Minute)}},
		{"rejected, but the previous one still owes its change: react",
			plan.Facts{Content: plan.Differs, RetryPublish: in(time.Minute), Owed: owed}, plan.Step{Do: plan.React}},
		{"rejected, and the pace allows it: publish again", plan.Facts{Content: plan.Differs, RetryPublish: now}, plan.Step{Do: plan.Publish}},

		{"owed: not verified before the change", plan.Facts{Content: plan.Same, Owed: []plan.Owed{{NotBefore: in(time.Second)}}, Unverified: true},
			plan.Step{Do: plan.Rest, Until: in(time.Second)}},
		{"the change fails: look whether there is anybody", plan.Facts{Content: plan.Same, Owed: []plan.Owed{{NotBefore: in(time.Second), Failed: true}}, Unverified: true},
			plan.Step{Do: plan.Verify}},
		{"somebody looks already", plan.Facts{Content: plan.Same, Unverified: true, Verifying: true}, plan.Step{Do: plan.Rest}},
		{"a newer generation while somebody looks: publish", plan.Facts{Content: plan.Differs, Unverified: true, Verifying: true}, plan.Step{Do: plan.Publish}},
		{"changed: verify", plan.Facts{Content: plan.Same, Unverified: true}, plan.Step{Do: plan.Verify}},
		{"target absent: look again later", plan.Facts{Content: plan.Same, Unverified: true, RetryVerify: in(time.Minute)}, plan.Step{Do: plan.Rest, Until: in(time.Minute)}},
		{"verified: rest", plan.Facts{Content: plan.Same}, plan.Step{Do: plan.Rest}},
		{"shutdown: stop, whatever is vetoed, owed or unverified",
			plan.Facts{Stopping: true, Vetoed: true, Unchecked: true, Unverified: true, Owed: owed, Certificates: certificates(absent)}, plan.Step{Do: plan.Stop}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.facts.Now, test.facts.Fetching = now, true
			if got := plan.Next(test.facts); got != test.want {
				t.Errorf("got %v %d until %v, want %v %d until %v",
					got.Do, got.Index, got.Until, test.want.Do, test.want.Index, test.want.Until)
			}
		})
	}
}

func TestNothingIsIssuedWhileTheFilesAreFresh(t *testing.T) {
	facts := plan.Facts{Now: now, FreshUntil: in(time.Minute), Certificates: []plan.Certificate{{Due: now}}}
	if got, want := plan.Next(facts), (plan.Step{Do: plan.Rest, Until: in(time.Minute)}); got != want {
		t.Errorf("got %v until %v", got.Do, got.Until)
	}
}

func TestRemedied(t *testing.T) {
	for _, test := range []struct {
		name                string
		times               int
		change, hasFallback bool
		want                plan.Remedy
	}{
		{"first: the change again", 1, true, false, plan.ChangeAgain},
		{"first, with a fallback: the change again", 1, true, true, plan.ChangeAgain},
		{"second, with a fallback: the fallback", 2, true, true, plan.FallBack},
		{"for ever, without a fallback: the change", 9, true, false, plan.ChangeAgain},
		{"the fallback, once it was needed", 9, true, true, plan.FallBack},
		{"no change: the server takes it up by itself, or does not", 1, false, false, plan.LookAgain},
		{"no change, a fallback: the server has its chance first", 1, false, true, plan.LookAgain},
		{"no change, and it had its chance", 2, false, true, plan.FallBack},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := plan.Remedied(test.times, test.change, test.hasFallback); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestOwe(t *testing.T) {
	hup := plan.Change{Key: plan.ChangeKey("signal", "/run/nginx.pid", "1")}
	restart := plan.Change{Key: plan.ChangeKey("restart")}
	noop := plan.Change{}
	for _, test := range []struct {
		name    string
		changes []plan.Change
		differs []bool
		before  []plan.Change
		want    []int
	}{
		{"equal changes of three members run once", []plan.Change{hup, hup, hup}, []bool{true, true, true}, nil, []int{0}},
		{"the only changed member is the last", []plan.Change{hup, hup, hup}, []bool{false, false, true}, nil, []int{0}},
		{"nothing differs: nothing is owed", []plan.Change{hup, restart}, []bool{false, false}, nil, nil},
		{"only the changed member's change", []plan.Change{hup, restart}, []bool{false, true}, nil, []int{1}},
		{"different changes keep the configuration's order", []plan.Change{restart, hup, restart}, []bool{true, true, true}, nil, []int{0, 1}},
		{"noop is no change", []plan.Change{noop, hup}, []bool{true, false}, nil, nil},
		{"owed before, still configured: stays owed", []plan.Change{hup, restart}, []bool{false, true}, []plan.Change{hup}, []int{0, 1}},
		{"owed before, no longer configured: forgotten", []plan.Change{restart}, []bool{true}, []plan.Change{hup}, []int{0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := make(map[string]bool)
			for _, change := range test.before {
				before[change.Key] = true
			}
			if got := plan.Owe(test.changes, test.differs, before); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	b := plan.Backoff{Min: time.Second, Max: time.Minute}
	const almostOne = 0.999999999
	for _, test := range []struct {
		failure int
		random  float64
		want    time.Duration
	}{
		{1, 0, 100 * time.Millisecond},
		{1, 0.5, 500 * time.Millisecond},
		{2, 0.5, time.Second},
		{4, 0.25, 2 * time.Second},
		{7, 0.5, 30 * time.Second},
		{1000, 0.5, 30 * time.Second},
		{1000, 0, 6 * time.Second},
	} {
		if got := b.Delay(test.failure, test.random); got != test.want {
			t.Errorf("failure %d, random %v: got %v, want %v", test.failure, test.random, got, test.want)
		}
	}
	for failure := range 100 {
		if got := b.Delay(failure, almostOne); got > b.Max || got <= 0 {
			t.Errorf("failure %d: got %v, outside (0, %v]", failure, got, b.Max)
		}
	}
}
