// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/certagent/certagent/agent/plan"
)

func digest(c plan.Change) string {
	sum := sha256.Sum256([]byte(c.Key))
	return hex.EncodeToString(sum[:])
}

// What an earlier version of certagent wrote. The keys are fixed: an upgrade must
// find what is pending.
func TestPayloadOfAnEarlierVersion(t *testing.T) {
	text := `{"config":"c","requests":["r"],"inputs":{"/f":"s"},"fresh_until":"2030-01-02T03:04:05Z","expires":"2030-02-02T03:04:05Z",` +
		`"owed":["` + digest(reload) + `"],"certificates":{"tls.crt":{"leaf":"l","identity":"i","issued_at":"2030-01-01T00:00:00Z",` +
		`"breaker":{"issued":["2030-01-01T00:00:00Z"]},"follows":true}},"unchecked":true,"before":{"owed":["` + digest(restart) + `"],"unchecked":true},"rejected":"d"}`
	got, err := plan.ParsePayload(json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	want := plan.Payload{
		Config: "c", Requests: []string{"r"}, Inputs: map[string]string{"/f": "s"}, FreshUntil: now, Expires: now.AddDate(0, 1, 0),
		Pending: []string{digest(reload)}, Unchecked: true, Before: plan.Before{Pending: []string{digest(restart)}, Unchecked: true}, Rejected: "d",
		Certificates: map[string]json.RawMessage{"tls.crt": json.RawMessage(
			`{"leaf":"l","identity":"i","issued_at":"2030-01-01T00:00:00Z","breaker":{"issued":["2030-01-01T00:00:00Z"]},"follows":true}`)},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if again := string(got.JSON()); again != text {
		t.Errorf("written as %s\nread from %s", again, text)
	}
	if empty := string(plan.Payload{}.JSON()); empty != `{"config":"","requests":null}` {
		t.Errorf("the empty payload is %s", empty)
	}
	if _, err := plan.ParsePayload(json.RawMessage(`{"owed":1}`)); err == nil {
		t.Error("a payload of another kind is read")
	}
}

func TestResumed(t *testing.T) {
	type state = plan.State
	block := plan.Setup{Changes: []plan.Change{reload}, Fallback: fallback, Checks: true, Verifies: true}
	templates := plan.Setup{Changes: []plan.Change{restart, {}, reload, restart}}
	pend := func(ticket uint64, c plan.Change) plan.PendingChange {
		return plan.PendingChange{Key: c.Key, NotBefore: now, Ticket: ticket}
	}
	list := func(all ...plan.PendingChange) []plan.PendingChange { return all }
	left := func(all ...plan.Change) (sums []string) {
		for _, c := range all {
			sums = append(sums, digest(c))
		}
		return sums
	}
	origin := func(p plan.Payload) plan.Payload {
		p.Config, p.FreshUntil = "c", in(time.Hour)
		return p
	}
	for _, row := range []struct {
		name    string
		setup   plan.Setup
		event   plan.Resumed
		becomes func(*state)
	}{
		{"nothing is left", block, plan.Resumed{}, asIs},
		{"files are on disk", block, plan.Resumed{OnDisk: true}, func(s *state) { s.Readiness.OnDisk = true }},
		{"a change is pending: it runs again", block, plan.Resumed{Payload: plan.Payload{Pending: left(reload)}}, func(s *state) {
			s.Published.Pending, s.Tickets = list(pend(1, reload)), 1
		}},
		{"since when readers see what is pending is known", block, plan.Resumed{Payload: plan.Payload{Pending: left(reload), Visible: "boot/1"}}, func(s *state) {
			s.Published.Pending, s.Tickets, s.Published.Visible = list(pend(1, reload)), 1, "boot/1"
		}},
		{"the fallback is pending", block, plan.Resumed{Payload: plan.Payload{Pending: left(fallback)}}, func(s *state) {
			s.Published.Pending, s.Tickets = list(plan.PendingChange{Key: "fallback", Fallback: true, NotBefore: now, Ticket: 1}), 1
		}},
		{"what is pending is not configured any more: the change runs in its place, not the fallback", block,
			plan.Resumed{Payload: plan.Payload{Pending: left(restart)}}, func(s *state) { s.Published.Pending, s.Tickets = list(pend(1, reload)), 1 }},
		{"two are pending: each runs once, in the order of the configuration", templates, plan.Resumed{Payload: plan.Payload{Pending: left(reload, restart)}}, func(s *state) {
			s.Published.Pending, s.Tickets = list(pend(1, restart), pend(2, reload)), 2
		}},
		{"one of them is not configured any more: it is forgotten", templates, plan.Resumed{Payload: plan.Payload{Pending: left(fallback, reload)}}, func(s *state) {
			s.Published.Pending, s.Tickets = list(pend(1, reload)), 1
		}},
		{"none of them is: all run", templates, plan.Resumed{Payload: plan.Payload{Pending: left(fallback)}}, func(s *state) {
			s.Published.Pending, s.Tickets = list(pend(1, restart), pend(2, reload)), 2
		}},
		{"the fallback does the same as the change", plan.Setup{Changes: []plan.Change{reload}, Fallback: reload}, plan.Resumed{Payload: plan.Payload{Pending: left(reload)}}, func(s *state) {
			s.Published.Pending, s.Tickets = list(pend(1, reload)), 1
		}},
		{"unchecked: check, and know what was pending before", block, plan.Resumed{
			Payload: plan.Payload{Pending: left(reload), Unchecked: true, Before: plan.Before{Pending: left(fallback), Unchecked: true}},
		}, func(s *state) {
			s.Published = plan.Publication{Check: plan.Unchecked, Pending: list(pend(1, reload)), Previous: &plan.Publication{
				Check: plan.Unchecked, Pending: list(plan.PendingChange{Key: "fallback", Fallback: true, NotBefore: now}),
			}}
			s.Tickets = 1
		}},
		{"unchecked, the one before had passed", block, plan.Resumed{Payload: plan.Payload{Unchecked: true}}, func(s *state) {
			s.Published = plan.Publication{Check: plan.Unchecked, Previous: &plan.Publication{}}
		}},
		{"rejected: do not publish it again at once", block, plan.Resumed{Payload: plan.Payload{Rejected: "d"}}, func(s *state) {
			s.Rejected, s.Retry.Rejected = "d", in(2*second)
		}},
		{"there is no check any more: what it left does not count", templates, plan.Resumed{Payload: plan.Payload{Unchecked: true, Rejected: "d"}}, asIs},
		{"certificates are on disk: verify", block, plan.Resumed{Serves: true}, func(s *state) { s.Verification.Unverified = true }},
		{"certificates are on disk, nothing is to be verified", templates, plan.Resumed{Serves: true}, asIs},
		{"what was published is not fresh: who waits goes on waiting", block, plan.Resumed{Payload: origin(plan.Payload{Rejected: "d"})}, func(s *state) {
			s.Published.Origin = plan.Origin{Config: "c", FreshUntil: in(time.Hour)}
			s.Rejected, s.Retry.Rejected = "d", in(2*second)
		}},
		{"fresh: nothing is asked of Vault until then", block, plan.Resumed{Payload: origin(plan.Payload{}), FreshUntil: in(minute)}, func(s *state) {
			s.Published.Origin = plan.Origin{Config: "c", FreshUntil: in(minute)}
			s.FreshUntil = in(minute)
			s.Readiness.MayStart, s.Readiness.Ready, s.Readiness.Settled = true, true, true
		}},
		{"fresh: what was rejected is not wanted any more", block, plan.Resumed{Payload: origin(plan.Payload{Rejected: "d"}), FreshUntil: in(minute)}, func(s *state) {
			s.Published.Origin = plan.Origin{Config: "c", FreshUntil: in(minute)}
			s.FreshUntil = in(minute)
			s.Readiness.MayStart, s.Readiness.Ready, s.Readiness.Settled = true, true, true
		}},
		{"fresh, but unchecked: what was rejected may be wanted", block, plan.Resumed{Payload: origin(plan.Payload{Unchecked: true, Rejected: "d"}), FreshUntil: in(minute)}, func(s *state) {
			s.Published = plan.Publication{Check: plan.Unchecked, Previous: &plan.Publication{}}
			s.Published.Origin = plan.Origin{Config: "c", FreshUntil: in(minute)}
			s.FreshUntil, s.Rejected, s.Retry.Rejected = in(minute), "d", in(2*second)
		}},
		{"fresh, but unchecked: who waits goes on waiting", block, plan.Resumed{Payload: origin(plan.Payload{Unchecked: true}), FreshUntil: in(minute)}, func(s *state) {
			s.Published = plan.Publication{Check: plan.Unchecked, Previous: &plan.Publication{}}
			s.Published.Origin = plan.Origin{Config: "c", FreshUntil: in(minute)}
			s.FreshUntil = in(minute)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			begin := plan.New(row.setup, 1, in(-second))
			want := plan.New(row.setup, 1, in(-second))
			want.ObservedAt = now
			row.becomes(&want)
			row.event.Now = now
			if got := begin.After(row.event); !reflect.DeepEqual(got, want) {
				t.Errorf(" got %s\nwant %s", show(got), show(want))
			}
		})
	}
}

// What is remembered is taken up again as it was.
func TestRemembered(t *testing.T) {
	for _, c := range []struct {
		name string
		is   func(*plan.State)
		want plan.Payload
	}{
		{"nothing", asIs, plan.Payload{}},
		{"what was published", func(s *plan.State) {
			s.Published.Origin = plan.Origin{
				Config: "c", Requests: []string{"r"}, Inputs: map[string]string{"f": "s"}, FreshUntil: now, Expires: in(minute),
				Certificates: map[string]json.RawMessage{"web": json.RawMessage(`{}`)},
			}
		}, plan.Payload{
			Config: "c", Requests: []string{"r"}, Inputs: map[string]string{"f": "s"}, FreshUntil: now, Expires: in(minute),
			Certificates: map[string]json.RawMessage{"web": json.RawMessage(`{}`)},
		}},
		{"what is pending", func(s *plan.State) { s.Published.Pending = []plan.PendingChange{{Key: "reload"}, {Key: "restart"}} },
			plan.Payload{Pending: []string{digest(reload), digest(restart)}}},
		{"since when what is pending is visible", func(s *plan.State) {
			s.Published.Pending, s.Published.Visible = []plan.PendingChange{{Key: "reload"}}, "boot/1"
		}, plan.Payload{Pending: []string{digest(reload)}, Visible: "boot/1"}},
		{"since when is of no use if nothing is pending", func(s *plan.State) { s.Published.Visible = "boot/1" }, plan.Payload{}},
		{"unchecked", func(s *plan.State) {
			s.Published.Check, s.Published.Previous = plan.Unchecked, &plan.Publication{Check: plan.Unchecked, Pending: []plan.PendingChange{{Key: "reload"}}}
		}, plan.Payload{Unchecked: true, Before: plan.Before{Pending: []string{digest(reload)}, Unchecked: true}}},
		{"vetoed: it is checked again", func(s *plan.State) { s.Published.Check, s.Published.Previous = plan.Vetoed, &plan.Publication{} }, plan.Payload{Unchecked: true}},
		{"rejected", func(s *plan.State) { s.Rejected = "d" }, plan.Payload{Rejected: "d"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := plan.New(plan.Setup{Changes: []plan.Change{reload, restart}, Checks: true}, 0, now)
			c.is(&s)
			got := s.Remembered()
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v\nwant %+v", got, c.want)
			}
			if again := plan.New(s.Setup, 0, now).After(plan.Resumed{Now: now, Payload: got}).Remembered(); !reflect.DeepEqual(again, got) {
				t.Errorf("after a restart %+v\nbefore %+v", again, got)
			}
		})
	}
}

func TestSameInputs(t *testing.T) {
	base := func() plan.Origin {
		return plan.Origin{Config: "c", Requests: []string{"r"}, Inputs: map[string]string{"f": "s", "g": "s"}, FreshUntil: now}
	}
	for _, c := range []struct {
		name string
		is   func(*plan.Origin)
		want bool
	}{
		{"equal", func(*plan.Origin) {}, true},
		{"until another time", func(o *plan.Origin) { o.FreshUntil = in(minute) }, true},
		{"other members", func(o *plan.Origin) { o.Config = "d" }, false},
		{"other requests", func(o *plan.Origin) { o.Requests = []string{"q"} }, false},
		{"another file", func(o *plan.Origin) { o.Inputs = map[string]string{"f": "s", "h": "s"} }, false},
		{"a file more", func(o *plan.Origin) { o.Inputs["h"] = "s" }, false},
		{"a file less", func(o *plan.Origin) { delete(o.Inputs, "g") }, false},
		{"a file with another content", func(o *plan.Origin) { o.Inputs["g"] = "t" }, false},
	} {
		other := base()
		c.is(&other)
		if got := base().SameInputs(other); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}

func TestMerged(t *testing.T) {
	both := plan.Setup{Changes: []plan.Change{reload, restart}}
	a := plan.New(plan.Setup{Changes: []plan.Change{reload}}, 0, now)
	a.Published = plan.Publication{Generation: plan.Generation{Origin: plan.Origin{Config: "a"}}, Pending: []plan.PendingChange{{Key: "reload", Failures: 2, NotBefore: in(minute), Ticket: 5}}}
	a.Tickets, a.Fetching, a.Missing, a.Content, a.ObservedAt = 5, true, 3, plan.Differs, in(second)
	a.Readiness = plan.Readiness{OnDisk: true, MayStart: true, Ready: true, Settled: true}
	b := plan.New(both, 0, in(minute))
	b.Published.Pending = []plan.PendingChange{{Key: "reload", Ticket: 1}, {Key: "restart", NotBefore: now, Ticket: 2}}
	b.Readiness = a.Readiness
	want := plan.New(both, 0, now)
	want.ObservedAt = in(second)
	want.Published.Generation = a.Published.Generation
	want.Published.Pending = []plan.PendingChange{{Key: "reload", Failures: 2, NotBefore: in(minute), Ticket: 6}, {Key: "restart", NotBefore: now, Ticket: 7}}
	want.Tickets = 7
	want.Readiness = plan.Readiness{OnDisk: true, MayStart: true}
	if got := a.After(plan.Merged{Other: b, Setup: both}); !reflect.DeepEqual(got, want) {
		t.Errorf(" got %s\nwant %s", show(got), show(want))
	}
	for _, c := range []struct{ a, b, none, want string }{
		{"boot/1", "boot/2", "", ""}, {"boot/1", "boot/2", "a", "boot/2"}, {"boot/1", "boot/2", "b", "boot/1"},
	} {
		a, b := a, b
		a.Published.Visible, b.Published.Visible = c.a, c.b
		if c.none == "a" {
			a.Published.Pending = nil
		}
		if c.none == "b" {
			b.Published.Pending = nil
		}
		if got := a.After(plan.Merged{Other: b, Setup: both}).Published.Visible; got != c.want {
			t.Errorf("%+v: visible since %q", c, got)
		}
	}
	for _, c := range []struct{ a, b, want plan.Readiness }{
		{plan.Readiness{OnDisk: true}, plan.Readiness{OnDisk: true}, plan.Readiness{OnDisk: true}},
		{plan.Readiness{OnDisk: true}, plan.Readiness{MayStart: true}, plan.Readiness{}},
		{plan.Readiness{MayStart: true}, plan.Readiness{OnDisk: true}, plan.Readiness{}},
		{plan.Readiness{MayStart: true}, plan.Readiness{MayStart: true}, plan.Readiness{MayStart: true}},
	} {
		a.Readiness, b.Readiness = c.a, c.b
		if got := a.After(plan.Merged{Other: b, Setup: both}).Readiness; got != c.want {
			t.Errorf("%+v and %+v: got %+v", c.a, c.b, got)
		}
	}
}

// What is not JSON never reaches a record: it would be lost together with what is
// pending.
func TestPayloadOfWhatIsNotJSON(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it is written")
		}
	}()
	plan.Payload{Certificates: map[string]json.RawMessage{"web": json.RawMessage("{")}}.JSON()
}
