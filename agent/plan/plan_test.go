// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/certagent/certagent/agent/plan"
)

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func in(d time.Duration) time.Time { return now.Add(d) }

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
			fetching(plan.Facts{Content: plan.Same, Owed: []plan.Owed{{in(time.Minute)}, {in(time.Second)}}}),
			plan.Step{Do: plan.Rest, Until: in(time.Second)}},
		{"owed, the second is due before the first",
			fetching(plan.Facts{Content: plan.Same, Owed: []plan.Owed{{in(time.Minute)}, {}}}),
			plan.Step{Do: plan.React, Change: 1}},
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
					got.Do, got.Change, got.Until, test.want.Do, test.want.Change, test.want.Until)
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
