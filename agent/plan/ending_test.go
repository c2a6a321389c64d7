// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan_test

import (
	"testing"
	"time"

	"github.com/certagent/certagent/agent/plan"
)

// ends is a generation whose first certificate ends then.
func ends(serial string, at time.Time) plan.Generation {
	return plan.Generation{Origin: plan.Origin{Serial: serial, Expires: at}, Digest: serial, Differs: []bool{true}}
}

// Which certificate in use ends first: the published one, the one before it until the
// check has passed and the change has succeeded, and one that is seen to be served.
func TestInUse(t *testing.T) {
	old, young := ends("old", in(minute)), ends("young", in(time.Hour))
	setup := plan.Setup{Changes: []plan.Change{reload}, Checks: true, Verifies: true}
	s := plan.State{Setup: setup, Fetching: true, ObservedAt: now, Published: plan.Publication{Generation: old}}
	is := func(what, serial string, use plan.Use) {
		t.Helper()
		if e, got := s.InUse(); e.Serial != serial || got != use {
			t.Errorf("%s: %+v in use %d, want %q in use %d", what, e, got, serial, use)
		}
	}
	is("published", "old", plan.OnDisk)
	s.Content, s.Rendered = plan.Differs, young
	s = s.After(plan.Published{Due: []time.Time{now}})
	is("the check has yet to pass", "old", plan.BeforeChange)
	s = s.After(plan.CheckPassed{})
	is("the change has yet to run", "old", plan.BeforeChange)
	s = s.After(plan.ChangeFailed{Failure: at})
	is("the change has failed", "old", plan.BeforeChange)

	restarted := plan.New(setup, 0, now).After(plan.Resumed{Now: now, Payload: s.Remembered()})
	if e, use := restarted.InUse(); e.Serial != "old" || use != plan.BeforeChange {
		t.Errorf("after a restart: %+v in use %d", e, use)
	}
	younger := s
	younger.Content, younger.Rendered = plan.Differs, ends("younger", in(2*time.Hour))
	younger = younger.After(plan.Published{Due: []time.Time{now}})
	if e, _ := younger.InUse(); e.Serial != "old" {
		t.Errorf("another generation before the change: %+v is in use", e)
	}
	rolledBack := younger.After(plan.CheckVetoed{}).After(plan.RolledBack{Failure: at})
	if e, use := rolledBack.InUse(); e.Serial != "old" || use != plan.BeforeChange {
		t.Errorf("rolled back: %+v in use %d", e, use)
	}

	s = s.After(plan.ChangeDone{})
	is("the change is done", "young", plan.OnDisk)
	s.Verification.Served = plan.Ending{Serial: "other", At: in(second)}
	is("another one is seen to be served", "other", plan.Served)
	s = s.After(plan.VerifyStarted{})
	s = s.After(plan.Verified{Probe: s.Verification.Probe})
	is("verified", "young", plan.OnDisk)

	unknown := plan.State{Setup: setup, Published: plan.Publication{Generation: young, Check: plan.Vetoed}}
	unknown = unknown.After(plan.RolledBack{Failure: at, Ending: plan.Ending{Serial: "seen", At: in(second)}})
	if e, _ := unknown.InUse(); e.Serial != "seen" {
		t.Errorf("rolled back to what is not remembered: %+v is in use", e)
	}
}

// What is on disk is as it is seen there, and as the record says where nothing is seen.
func TestResumedEnding(t *testing.T) {
	payload := plan.Payload{Expires: in(minute), Serial: "recorded"}
	for _, c := range []struct {
		event plan.Resumed
		want  string
	}{
		{plan.Resumed{Payload: payload}, "recorded"},
		{plan.Resumed{Payload: payload, Ending: plan.Ending{Serial: "seen", At: in(second)}}, "seen"},
		{plan.Resumed{Ending: plan.Ending{Serial: "seen", At: in(second)}}, "seen"},
		{plan.Resumed{}, ""},
	} {
		s := plan.New(plan.Setup{Changes: []plan.Change{{}}}, 0, now).After(c.event)
		if e, _ := s.InUse(); e.Serial != c.want {
			t.Errorf("%+v: %+v is in use", c.event, e)
		}
	}
}

// With a certificate that has ended nothing is ready, whatever happens.
func TestExpiredIsNotReady(t *testing.T) {
	base := plan.State{Setup: plan.Setup{Changes: []plan.Change{{}}, Verifies: true}, Fetching: true, ObservedAt: now}
	for name, ended := range map[string]func(*plan.State){
		"on disk":          func(s *plan.State) { s.Published.Generation = ends("1", now) },
		"seen at a server": func(s *plan.State) { s.Verification.Served = plan.Ending{Serial: "1", At: now} },
	} {
		s := base
		ended(&s)
		after := s.After(plan.Rendered{Generation: s.Published.Generation, Content: plan.Same}).After(plan.VerifyStarted{})
		after = after.After(plan.Unreachable{Probe: after.Verification.Probe, Failure: at})
		if name == "on disk" {
			after = after.After(plan.VerifyStarted{})
			after = after.After(plan.Verified{Probe: after.Verification.Probe})
		}
		if r := after.Readiness; name == "on disk" && (r.MayStart || r.Ready || r.Settled) {
			t.Errorf("%s: %+v", name, r)
		}
		waits := base
		waits.Readiness.OnDisk, waits.BornAt = true, in(-time.Hour)
		ended(&waits)
		if r := waits.After(plan.Observed{Now: now, VaultFailed: true}).Readiness; r.MayStart || r.FromDisk {
			t.Errorf("%s, Vault does not answer: %+v", name, r)
		}
	}
}

func TestTrouble(t *testing.T) {
	type state = plan.State
	for _, c := range []struct {
		name string
		is   func(*state)
		want plan.Trouble
	}{
		{"nothing", func(*state) {}, plan.NoTrouble},
		{"not logged in, and asking", func(s *state) { s.LoggedOut, s.Certificates[0].Asking = true, true }, plan.LoginTrouble},
		{"not logged in, and issuing failed", func(s *state) { s.LoggedOut, s.Certificates[0].Failures = true, 1 }, plan.LoginTrouble},
		{"the password is missing, and not logged in", func(s *state) { s.LoggedOut, s.Certificates[0].LoadFailed = true, true }, plan.LoadTrouble},
		{"a secret fails", func(s *state) { s.SecretFails = true }, plan.SecretTrouble},
		{"issuing fails", func(s *state) { s.Certificates[0].Failures = 1 }, plan.IssueTrouble},
		{"issued too often", func(s *state) { s.Certificates[0].Limited = true }, plan.LimitTrouble},
		{"issued too often, and asking again", func(s *state) { s.Certificates[0].Limited, s.Certificates[0].Asking = true, true }, plan.AnswerTrouble},
		{"asking", func(s *state) { s.Certificates[0].Asking = true }, plan.AnswerTrouble},
		{"rendering fails", func(s *state) { s.Failures.Render = 1 }, plan.RenderTrouble},
		{"publishing fails", func(s *state) { s.Failures.Publish = 1 }, plan.PublishTrouble},
		{"repairing fails", func(s *state) { s.Failures.Repair = 1 }, plan.PublishTrouble},
		{"to be rolled back", func(s *state) { s.Published.Check = plan.Vetoed }, plan.RollbackTrouble},
		{"rolling back fails", func(s *state) { s.Failures.Rollback = 1 }, plan.RollbackTrouble},
		{"vetoed", func(s *state) { s.Vetoes = 1 }, plan.CheckTrouble},
		{"rejected by an earlier run", func(s *state) { s.Rejected = "d" }, plan.CheckTrouble},
		{"the change fails", func(s *state) { s.Published.Pending = []plan.PendingChange{{Failures: 1}} }, plan.ChangeTrouble},
		{"the change fails, and so does the next certificate, which counts for the one on disk", func(s *state) {
			s.Published.Pending, s.Certificates[0].Failures = []plan.PendingChange{{Failures: 1}}, 1
		}, plan.IssueTrouble},
		{"the change fails for the one in use, whatever the next certificate does", func(s *state) {
			s.Published.Pending, s.Certificates[0].Failures = []plan.PendingChange{{Failures: 1}}, 1
			s.Published.InUse = plan.Ending{At: now}
		}, plan.ChangeTrouble},
		{"the change waits", func(s *state) {
			s.Published.Pending, s.Published.InUse = []plan.PendingChange{{}}, plan.Ending{At: now}
		}, plan.WaitTrouble},
		{"the change waits, the published one is no older", func(s *state) { s.Published.Pending = []plan.PendingChange{{}} }, plan.NoTrouble},
		{"the target is not there", func(s *state) {
			s.Published.Pending, s.Published.InUse = []plan.PendingChange{{Absent: 1}}, plan.Ending{At: now}
		}, plan.AbsentTrouble},
		{"another one is served", func(s *state) { s.Verification.Served = plan.Ending{At: now} }, plan.ServedTrouble},
		{"the old one is served", func(s *state) { s.Verification.ServedOld = 1 }, plan.ServedTrouble},
	} {
		s := state{Published: plan.Publication{Generation: ends("1", in(minute))}, Certificates: make([]plan.Issuance, 1)}
		c.is(&s)
		if got := s.Trouble(); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// Expired is not published: neither a generation that has waited for too long, nor one
// in which nothing is valid.
func TestExpiredIsNotPublished(t *testing.T) {
	waits := plan.State{Fetching: true, Content: plan.Differs, Rendered: plan.Generation{Digest: "1", Until: in(second)}}
	if got := waits.After(plan.Observed{Now: now}).Next(now).Do; got != plan.Publish {
		t.Errorf("%v while it is valid", got)
	}
	late := waits.After(plan.Observed{Now: in(second)})
	if late.Content != plan.Unknown || !late.Stale || late.Next(in(second)).Do != plan.Render {
		t.Errorf("%v after its end: %+v", late.Next(in(second)).Do, late)
	}
	for name, c := range map[string]struct {
		certificates []plan.Issuance
		want         plan.Action
	}{
		"one, which has ended":             {[]plan.Issuance{{Ended: true, Failures: 1, NotBefore: in(minute)}}, plan.Rest},
		"both have ended":                  {[]plan.Issuance{{Ended: true, Failures: 1, NotBefore: in(minute)}, {Ended: true, Failures: 1, NotBefore: in(minute)}}, plan.Rest},
		"one has ended, the other is good": {[]plan.Issuance{{Ended: true, Failures: 1, NotBefore: in(minute)}, {Due: in(time.Hour)}}, plan.Render},
	} {
		s := plan.State{Fetching: true, Stale: true, Certificates: c.certificates}
		if got := s.Next(now).Do; got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// What has been due stays due since then, and is no longer fresh.
func TestOverdueSince(t *testing.T) {
	s := plan.State{ObservedAt: now, Certificates: []plan.Issuance{{Due: in(-minute)}}, FreshUntil: in(time.Hour)}
	seen := func(at time.Time, c plan.Clock) plan.State {
		return s.After(plan.Observed{Now: at, Certificates: []plan.Clock{c}})
	}
	if got := seen(now, plan.Clock{Due: now, Ended: true}); !got.Certificates[0].Due.Equal(in(-minute)) || !got.FreshUntil.IsZero() {
		t.Errorf("due at %v, fresh until %v", got.Certificates[0].Due, got.FreshUntil)
	}
	if got := seen(now, plan.Clock{Due: in(time.Hour)}); !got.Certificates[0].Due.Equal(in(time.Hour)) {
		t.Errorf("replaced, but due at %v", got.Certificates[0].Due)
	}
	if got := seen(in(-time.Hour), plan.Clock{Due: in(-time.Hour)}); !got.Certificates[0].Due.Equal(in(-time.Hour)) {
		t.Errorf("after the clock was set back, due at %v", got.Certificates[0].Due)
	}
}
