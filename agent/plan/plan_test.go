// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/certagent/certagent/agent/plan"
)

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

func TestNeeded(t *testing.T) {
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
			if got := plan.Needed(test.changes, test.differs, before); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// Each failure waits for longer, up to a bound, and never for less than a tenth of
// its bound.
func TestBackoffOfAStep(t *testing.T) {
	for _, test := range []struct {
		failures int
		random   float64
		want     time.Duration
	}{
		{1, 0, 50 * time.Millisecond},
		{1, 0.5, 250 * time.Millisecond},
		{2, 0.5, 500 * time.Millisecond},
		{4, 0.25, time.Second},
		{7, 0.5, 15 * time.Second},
		{1000, 0.5, 15 * time.Second},
		{1000, 0, 3 * time.Second},
	} {
		var s plan.State
		for range test.failures {
			s = s.After(plan.PublishFailed{Failure: plan.Failure{Now: now, Random: test.random}})
		}
		if got := s.Retry.Publish.Sub(now); got != test.want {
			t.Errorf("failure %d, random %v: got %v, want %v", test.failures, test.random, got, test.want)
		}
	}
}

func TestActionString(t *testing.T) {
	for i, want := range []string{"rest", "fetch", "issue", "render", "publish", "repair", "check", "rollback", "react", "verify", "doubt", "stop"} {
		if got := plan.Action(i).String(); got != want {
			t.Errorf("%d: got %q, want %q", i, got, want)
		}
	}
}

func TestRemedyString(t *testing.T) {
	for i, want := range []string{"look again", "change again", "fall back"} {
		if got := plan.Remedy(i).String(); got != want {
			t.Errorf("%d: got %q, want %q", i, got, want)
		}
	}
}

// A key tells where one part ends and the next begins.
func TestChangeKey(t *testing.T) {
	if one, other := plan.ChangeKey("command", "a", "bc"), plan.ChangeKey("command", "ab", "c"); one == other {
		t.Errorf("the key of two changes is %q", one)
	}
}

// What is refused or disturbs a consumer is tried again every five minutes at last.
func TestLongestDelays(t *testing.T) {
	failed := plan.Failure{Now: now, Random: 0.5}
	s := plan.New(plan.Setup{Changes: []plan.Change{{}}, Verifies: true}, 1, now)
	for range 100 {
		s = s.After(plan.IssueFailed{Failure: failed, Slow: true}).After(plan.NothingToVerify{Failure: failed})
	}
	if got, want := s.Certificates[0].NotBefore.Sub(now), 150*time.Second; got != want {
		t.Errorf("refused by Vault: the next request comes after %v, want %v", got, want)
	}
	if got, want := s.Verification.NotBefore.Sub(now), 150*time.Second; got != want {
		t.Errorf("nothing to verify: the next probe comes after %v, want %v", got, want)
	}
}
