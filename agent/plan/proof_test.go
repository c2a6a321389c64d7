// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan_test

import (
	"testing"
	"time"

	"github.com/certagent/certagent/agent/plan"
)

// proving is a bundle whose verify has a time-out of ten seconds.
func proving() plan.State {
	return plan.State{
		Setup:    plan.Setup{Changes: []plan.Change{reload}, Fallback: fallback, Verifies: true, ProofTimeout: 10 * second},
		Fetching: true, ObservedAt: now, Published: plan.Publication{Generation: ends("0", in(time.Hour))},
	}
}

// renewed is the state after another generation and its change.
func renewed(s plan.State, at time.Time) plan.State {
	s = s.After(plan.Observed{Now: at})
	s.Content, s.Rendered = plan.Differs, ends(at.String(), at.Add(time.Hour))
	s = s.After(plan.Published{Due: []time.Time{at}}).After(plan.ChangeDone{})
	return s.After(plan.VerifyStarted{})
}

// Each new generation cancels the probe of the one before. It is concluded all the same
// that nothing is proven, within the time-out, and again and again.
func TestAProofThatNeverEnds(t *testing.T) {
	for _, every := range []time.Duration{9 * second, 3 * second, second, 100 * time.Millisecond} {
		s := proving()
		var doubts []time.Duration
		for at := now; at.Before(in(2 * minute)); at = at.Add(every) {
			s = renewed(s, at)
			for look := at; look.Before(at.Add(every)); look = look.Add(100 * time.Millisecond) {
				if s.Next(look).Do == plan.Doubt {
					doubts = append(doubts, look.Sub(now))
					s = s.After(plan.Observed{Now: look}).After(plan.Unproven{Failure: plan.Failure{Now: look}, Other: true})
					s.Published.Pending = nil
				}
			}
		}
		if len(doubts) < 5 || doubts[0] > 11*second {
			t.Errorf("renewed each %s: doubts at %v", every, doubts)
		}
		if s.Remedy() != plan.FallBack {
			t.Errorf("renewed each %s: the remedy is %v", every, s.Remedy())
		}
	}
}

// A restart or a reload does not begin anew to wait for a proof, and leaves at least a
// second for one.
func TestAProofThatNeverEndsOverRestarts(t *testing.T) {
	s := renewed(proving(), now)
	at := now
	for range 3 { // each run ends after four seconds
		at = at.Add(4 * second)
		s = plan.New(s.Setup, 0, at).After(plan.Resumed{Now: at, Payload: s.Remembered(), OnDisk: true, Serves: true, FreshUntil: in(time.Hour)})
		s = s.After(plan.Observed{Now: at}).After(plan.VerifyStarted{})
		if got := s.Next(at.Add(second)).Do; got == plan.Doubt {
			t.Fatalf("doubt a second after the start at %s", at.Sub(now))
		}
	}
	if got := s.Next(at.Add(1600 * time.Millisecond)).Do; got != plan.Doubt {
		t.Errorf("%v after three runs", got)
	}
	s = s.After(plan.Verified{Probe: s.Verification.Probe})
	if left := s.Remembered(); !left.Unproven.IsZero() {
		t.Errorf("proven, but the record says that it has not been since %v", left.Unproven)
	}
	later := plan.New(s.Setup, 0, now).After(plan.Resumed{Now: now, Payload: plan.Payload{Unproven: in(time.Hour)}, Serves: true})
	if !later.Verification.Open.Equal(now) {
		t.Errorf("the clock was set back, and it is open since %v", later.Verification.Open)
	}
}

// Doubts come after a conclusion that is missing, and not while one is not due yet.
func TestNoDoubt(t *testing.T) {
	looking := renewed(proving(), now)
	concluded := func(e plan.Event) plan.State { return looking.After(e) }
	probe := looking.Verification.Probe
	waiting := proving()
	waiting.Content, waiting.Rendered, waiting.Setup.Spacing = plan.Differs, ends("1", in(time.Hour)), minute
	waiting = waiting.After(plan.Published{Due: []time.Time{in(minute)}})
	refused := looking
	refused.Published.Check = plan.Unchecked
	refused.Retry.Check = in(time.Hour)
	for name, c := range map[string]struct {
		s    plan.State
		at   time.Duration
		want bool
	}{
		"looking":                       {looking, 10 * second, false},
		"nothing concluded":             {looking, 10*second + 500*time.Millisecond, true},
		"verified":                      {concluded(plan.Verified{Probe: probe}), time.Hour, false},
		"another one is served":         {concluded(plan.ServedOld{Probe: probe, Failure: at}), time.Hour, false},
		"nobody listens":                {concluded(plan.Unreachable{Probe: probe, Failure: at}), time.Hour, false},
		"it could not be told":          {concluded(plan.ProbeFailed{Probe: probe, Failure: at}), time.Hour, false},
		"nothing to verify":             {looking.After(plan.NothingToVerify{Failure: at}), time.Hour, false},
		"the change waits for its time": {waiting, 50 * second, false},
		"the change is never run":       {waiting, 2 * minute, true},
		"the check has yet to pass":     {refused, minute, false},
	} {
		s := c.s
		for i := range s.Published.Pending { // it waits
			s.Published.Pending[i].NotBefore = in(24 * time.Hour)
		}
		s.Verification.Probing = true
		if got := s.Next(in(c.at)).Do == plan.Doubt; got != c.want {
			t.Errorf("%s: doubt %v, want %v", name, got, c.want)
		}
	}
	back := looking.After(plan.Observed{Now: in(-time.Hour)})
	if got := back.Next(in(11*second - time.Hour)).Do; got != plan.Doubt {
		t.Errorf("%v after the clock was set back", got)
	}
}

// What a probe sees is known at once, and forgotten with the proof.
func TestSighted(t *testing.T) {
	s := renewed(proving(), now).After(plan.Sighted{Ending: plan.Ending{Serial: "old", At: in(second)}})
	if e, use := s.InUse(); e.Serial != "old" || use != plan.Served {
		t.Errorf("%+v is in use %d", e, use)
	}
	if e, _ := renewed(s, in(second)).InUse(); e.Serial != "old" {
		t.Errorf("another generation: %+v is in use", e)
	}
	for name, e := range map[string]plan.Event{
		"verified":       plan.Verified{Probe: s.Verification.Probe},
		"nobody listens": plan.Unreachable{Probe: s.Verification.Probe, Failure: at},
		"not seen":       plan.Sighted{},
	} {
		if e, _ := s.After(e).InUse(); e.Serial == "old" {
			t.Errorf("%s: %+v is in use", name, e)
		}
	}
}
