// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/agent/plan"
)

// transition is a row: a bundle in a state is told of an event. What the event
// changes is all that it may change.
type transition struct {
	name    string
	is      func(*plan.State)
	event   plan.Event
	becomes func(*plan.State)
}

const (
	second = time.Second
	minute = time.Minute
)

// at is a failure that draws half of the bound.
var at = plan.Failure{Now: now, Random: 0.5}

var (
	reload   = plan.Change{Key: "reload"}
	restart  = plan.Change{Key: "restart"}
	fallback = plan.Change{Key: "fallback"}
)

func asIs(*plan.State) {}

func TestAfter(t *testing.T) {
	type state = plan.State
	g1 := plan.Generation{Origin: plan.Origin{Config: "one"}, Digest: "1", Differs: []bool{true}}
	g2 := plan.Generation{Origin: plan.Origin{Config: "two"}, Digest: "2", Differs: []bool{true}}
	pend := func(ticket uint64, c plan.Change, at time.Time) plan.PendingChange {
		return plan.PendingChange{Key: c.Key, NotBefore: at, Ticket: ticket}
	}
	again := func(ticket uint64, at time.Time) plan.PendingChange {
		return plan.PendingChange{Key: "reload", Again: true, NotBefore: at, Ticket: ticket}
	}
	list := func(all ...plan.PendingChange) []plan.PendingChange { return all }
	// What every publishing does.
	published := func(s *state) {
		s.Readiness.ThisRun = true
		s.Content, s.Rendered = plan.Same, plan.Generation{}
		s.Verification.Probe++
	}
	ready := func(s *state) { s.Readiness.MayStart, s.Readiness.Ready = true, true }
	settled := func(s *state) { ready(s); s.Readiness.Settled = true }

	for _, table := range []struct {
		name string
		base state
		rows []transition
	}{
		{"loop", state{}, []transition{
			{"shutdown", asIs, plan.Stopping{}, func(s *state) { s.Stopping = true }},
			{"a loop that has ended begins again", func(s *state) { s.Stopping, s.Verification.Probing = true, true }, plan.Started{},
				func(s *state) { s.Stopping, s.Verification.Probing = false, false }},
			{"secrets are asked for: there is something to render", asIs, plan.FetchStarted{}, func(s *state) { s.Fetching, s.Stale = true, true }},
		}},
		{"observed", state{BornAt: now, ObservedAt: now}, []transition{
			{"the clock goes on", asIs, plan.Observed{Now: in(second)}, func(s *state) { s.ObservedAt = in(second) }},
			{"secrets are missing", func(s *state) { s.Missing = 1 }, plan.Observed{Now: now, Missing: 2}, func(s *state) { s.Missing = 2 }},
			{"a certificate: its clock only", func(s *state) { s.Certificates = []plan.Issuance{{Absent: true, Failures: 2, NotBefore: in(minute)}} },
				plan.Observed{Now: now, Certificates: []plan.Clock{{Due: in(time.Hour)}}},
				func(s *state) {
					s.Certificates[0] = plan.Issuance{Due: in(time.Hour), Failures: 2, NotBefore: in(minute)}
				}},
			{"a certificate is due while the files count as fresh: they do no longer", func(s *state) { s.FreshUntil, s.Certificates = in(time.Hour), make([]plan.Issuance, 1) },
				plan.Observed{Now: now, Certificates: []plan.Clock{{Due: in(-second)}}},
				func(s *state) { s.FreshUntil, s.Certificates[0].Due = time.Time{}, in(-second) }},
			{"a certificate is due later: they are still fresh", func(s *state) { s.FreshUntil, s.Certificates = in(time.Hour), make([]plan.Issuance, 1) },
				plan.Observed{Now: now, Certificates: []plan.Clock{{Due: now}}}, func(s *state) { s.Certificates[0].Due = now }},
			{"a certificate is due, secrets are asked for already", func(s *state) {
				s.Fetching, s.FreshUntil, s.Certificates = true, in(time.Hour), make([]plan.Issuance, 1)
			}, plan.Observed{Now: now, Certificates: []plan.Clock{{Due: in(-second)}}}, func(s *state) { s.Certificates[0].Due = in(-second) }},
			{"another bundle's equal change comes sooner", func(s *state) { s.Published.Pending = list(pend(1, reload, in(minute)), pend(2, restart, in(minute))) },
				plan.Observed{Now: now, Scheduled: map[uint64]time.Time{2: in(second), 7: now}}, func(s *state) { s.Published.Pending[1].NotBefore = in(second) }},
			{"the run that all join is due, but the target was looked for just now: each looks at its own pace", func(s *state) {
				s.Published.Pending = []plan.PendingChange{{Ticket: 1, Absent: 1, NotBefore: in(second)}, {Ticket: 2, Held: 1, NotBefore: in(second)}, {Ticket: 3, Absent: 1, NotBefore: in(second)}}
			}, plan.Observed{Now: now, Scheduled: map[uint64]time.Time{1: in(-second), 2: in(-second), 3: in(minute)}},
				func(s *state) { s.Published.Pending[2].NotBefore = in(minute) }},
			{"Vault is slow, files are on disk: the child may not start yet", func(s *state) { s.Readiness.OnDisk = true },
				plan.Observed{Now: in(10 * second)}, func(s *state) { s.ObservedAt = in(10 * second) }},
			{"Vault is too slow, files are on disk: the child may start", func(s *state) { s.Readiness.OnDisk = true },
				plan.Observed{Now: in(10*second + 1)}, func(s *state) {
					s.ObservedAt, s.Readiness.MayStart, s.Readiness.FromDisk = in(10*second+1), true, true
				}},
			{"Vault does not answer, files are on disk: the child may start", func(s *state) { s.Readiness.OnDisk = true },
				plan.Observed{Now: now, VaultFailed: true}, func(s *state) { s.Readiness.MayStart, s.Readiness.FromDisk = true, true }},
			{"Vault does not answer, the child has started: it does not matter", func(s *state) { s.Readiness.OnDisk, s.Readiness.MayStart = true, true },
				plan.Observed{Now: now, VaultFailed: true}, asIs},
			{"Vault does not answer, nothing is on disk: the child waits", asIs, plan.Observed{Now: in(time.Hour), VaultFailed: true}, func(s *state) { s.ObservedAt = in(time.Hour) }},
			{"the clock was set back: what is held back moves with it", func(s *state) {
				s.ObservedAt = in(time.Hour)
				s.Quiet = plan.Quiet{First: in(time.Hour), Last: in(time.Hour + second)}
				s.Retry = plan.Retry{Render: in(time.Hour), Publish: in(time.Hour + 2*second), Rollback: in(time.Hour + 3*second)}
				s.Verification.NotBefore = in(time.Hour + 4*second)
				s.Certificates = []plan.Issuance{{Due: in(5 * time.Hour), NotBefore: in(2 * time.Hour)}, {}}
				s.Published.Pending = list(pend(1, reload, in(time.Hour)))
				s.Published.Previous = &plan.Publication{Pending: list(pend(0, reload, in(2*time.Hour)))}
				s.Tickets = 1
				s.BornAt = in(59 * minute)
			}, plan.Observed{Now: now, Scheduled: map[uint64]time.Time{1: in(time.Hour)}}, func(s *state) {
				s.ObservedAt = now
				s.Quiet = plan.Quiet{First: now, Last: in(second)}
				s.Retry = plan.Retry{Render: now, Publish: in(2 * second), Rollback: in(3 * second)}
				s.Verification.NotBefore = in(4 * second)
				s.Certificates[0].NotBefore = in(time.Hour)
				s.Published.Pending = list(pend(2, reload, now))
				s.Published.Previous.Pending[0].NotBefore = in(time.Hour)
				s.Tickets = 2
				s.BornAt = in(-minute)
			}},
			{"the clock was set back: check and publishing again move too", func(s *state) { s.ObservedAt, s.Retry.Check, s.Retry.Rejected = in(minute), in(2*minute), in(minute) },
				plan.Observed{Now: now}, func(s *state) {
					s.ObservedAt, s.BornAt, s.Retry.Check, s.Retry.Rejected = now, in(-minute), in(minute), now
				}},
			{"the clock was set back by the least that it can", func(s *state) { s.ObservedAt, s.Retry.Check = in(1), in(minute) },
				plan.Observed{Now: now}, func(s *state) { s.ObservedAt, s.BornAt, s.Retry.Check = now, in(-1), in(minute-1) }},
		}},
		{"changes of what is rendered", state{Setup: plan.Setup{WaitMin: second, WaitMax: minute}, Fetching: true, Content: plan.Same}, []transition{
			{"a secret: render anew", asIs, plan.SecretsChanged{Now: now}, func(s *state) { s.Stale, s.Quiet = true, plan.Quiet{First: now, Last: now} }},
			{"a secret after the first rendering: wait for the burst to end", func(s *state) { s.HasRendered = true }, plan.SecretsChanged{Now: now},
				func(s *state) { s.Stale, s.Quiet = true, plan.Quiet{First: now, Last: now, Min: second, Max: minute} }},
			{"a secret again: the burst began with the first", func(s *state) { s.Stale, s.Quiet = true, plan.Quiet{First: in(-second), Last: in(-second)} },
				plan.SecretsChanged{Now: now}, func(s *state) { s.Quiet.Last = now }},
			{"a secret while rendering fails: try at once", func(s *state) { s.Stale, s.Retry.Render, s.Failures.Render = true, in(minute), 3 },
				plan.SecretsChanged{Now: now}, func(s *state) { s.Retry.Render, s.Quiet = time.Time{}, plan.Quiet{First: now, Last: now} }},
			{"a secret while the files count as fresh: they still do", func(s *state) { s.FreshUntil = in(time.Hour) },
				plan.SecretsChanged{Now: now}, func(s *state) { s.Stale, s.Quiet = true, plan.Quiet{First: now, Last: now} }},
			{"a template: the files are no longer fresh", func(s *state) { s.FreshUntil = in(time.Hour) },
				plan.InputsChanged{Now: now}, func(s *state) { s.FreshUntil, s.Stale, s.Quiet = time.Time{}, true, plan.Quiet{First: now, Last: now} }},
			{"a published file: the files are no longer fresh", func(s *state) { s.FreshUntil = in(time.Hour) },
				plan.FilesChanged{Now: now}, func(s *state) { s.FreshUntil, s.Stale, s.Quiet = time.Time{}, true, plan.Quiet{First: now, Last: now} }},
		}},
		{"certificates", state{Fetching: true, Certificates: make([]plan.Issuance, 2)}, []transition{
			{"the files were read", func(s *state) { s.Certificates[1].LoadFailed = true }, plan.CertificateLoaded{Index: 1},
				func(s *state) { s.Certificates[1] = plan.Issuance{Loaded: true} }},
			{"the password cannot be read", asIs, plan.LoadFailed{Index: 1, Failed: true}, func(s *state) { s.Certificates[1].LoadFailed = true }},
			{"the password is yet to come", func(s *state) { s.Certificates[1].LoadFailed = true }, plan.LoadFailed{Index: 1}, func(s *state) { s.Certificates[1].LoadFailed = false }},
			{"asked", asIs, plan.IssueStarted{Index: 1}, func(s *state) { s.Certificates[1].Asking = true }},
			{"issued too often: held back", asIs, plan.IssueHeld{Index: 1, Until: in(minute)}, func(s *state) { s.Certificates[1].NotBefore, s.Certificates[1].Limited = in(minute), true }},
			{"what held it back is over: no longer held back", func(s *state) {
				s.ObservedAt, s.Certificates[1].NotBefore, s.Certificates[1].Limited = in(time.Hour), in(2*time.Hour), true
			}, plan.IssueHeld{Index: 1, Until: now}, func(s *state) { s.Certificates[1].NotBefore, s.Certificates[1].Limited = now, false }},
			{"issued: render, and forget what failed before", func(s *state) {
				s.Certificates[1] = plan.Issuance{Due: in(-second), NotBefore: now, Absent: true, Asking: true, Failures: 2, Refused: true, Loaded: true}
			}, plan.Issued{Index: 1, Now: now, Due: in(time.Hour)}, func(s *state) {
				s.Certificates[1] = plan.Issuance{Due: in(time.Hour), Loaded: true}
				s.Stale, s.Quiet = true, plan.Quiet{First: now, Last: now}
			}},
			{"failed: back off", func(s *state) { s.Certificates[1].Asking = true }, plan.IssueFailed{Index: 1, Failure: at},
				func(s *state) { s.Certificates[1] = plan.Issuance{Failures: 1, NotBefore: in(250 * time.Millisecond)} }},
			{"failed again: back off for longer", func(s *state) { s.Certificates[1].Asking, s.Certificates[1].Failures = true, 2 }, plan.IssueFailed{Index: 1, Failure: at},
				func(s *state) { s.Certificates[1] = plan.Issuance{Failures: 3, NotBefore: in(second)} }},
			{"refused: back off slowly", func(s *state) { s.Certificates[1].Asking = true }, plan.IssueFailed{Index: 1, Failure: at, Slow: true, Refused: true},
				func(s *state) {
					s.Certificates[1] = plan.Issuance{Failures: 1, Refused: true, NotBefore: in(2500 * time.Millisecond)}
				}},
			{"failed after it was refused: waiting may help", func(s *state) { s.Certificates[1] = plan.Issuance{Asking: true, Failures: 1, Refused: true} },
				plan.IssueFailed{Index: 1, Failure: at}, func(s *state) { s.Certificates[1] = plan.Issuance{Failures: 2, NotBefore: in(500 * time.Millisecond)} }},
			{"failed, the server wants to be left alone", func(s *state) { s.Certificates[1].Asking = true }, plan.IssueFailed{Index: 1, Failure: at, RetryAfter: minute},
				func(s *state) {
					s.Certificates[1] = plan.Issuance{Failures: 1, NotBefore: in(minute + 250*time.Millisecond)}
				}},
			{"failed, the one that there is ends soon", func(s *state) { s.Certificates[1] = plan.Issuance{Asking: true, Failures: 9} },
				plan.IssueFailed{Index: 1, Failure: at, Life: time.Hour, Left: 50 * second, RetryAfter: time.Hour}, func(s *state) {
					s.Certificates[1] = plan.Issuance{Failures: 10, NotBefore: in(2500*time.Millisecond + 25*second)}
				}},
			{"abandoned", func(s *state) { s.Certificates[1] = plan.Issuance{Asking: true, Failures: 1} }, plan.IssueAbandoned{Index: 1},
				func(s *state) { s.Certificates[1].Asking = false }},
			{"another issuer: publish its CAs, and ask after that", asIs, plan.IssuerChanged{Index: 1, Failure: at, Left: time.Hour}, func(s *state) {
				s.Certificates[1].NotBefore = in(45 * second)
				s.Stale, s.Quiet = true, plan.Quiet{First: now, Last: now}
			}},
			{"another issuer, little is left: ask soon", asIs, plan.IssuerChanged{Index: 1, Failure: at, Left: 40 * second}, func(s *state) {
				s.Certificates[1].NotBefore = in(3 * second)
				s.Stale, s.Quiet = true, plan.Quiet{First: now, Last: now}
			}},
		}},
		{"rendering", state{Setup: plan.Setup{Changes: []plan.Change{reload}}, Fetching: true, Stale: true}, []transition{
			{"differs: publish it", func(s *state) { s.Failures.Render, s.Quiet.First = 2, now }, plan.Rendered{Generation: g1, Content: plan.Differs}, func(s *state) {
				s.Stale, s.HasRendered, s.Quiet, s.Failures.Render = false, true, plan.Quiet{}, 0
				s.Content, s.Rendered = plan.Differs, g1
			}},
			{"drifted: repair it", asIs, plan.Rendered{Generation: g1, Content: plan.Drifted}, func(s *state) {
				s.Stale, s.HasRendered, s.Content, s.Rendered = false, true, plan.Drifted, g1
			}},
			{"the same: nothing to do", func(s *state) { s.Rendered = g2 }, plan.Rendered{Generation: g1, Content: plan.Same}, func(s *state) {
				s.Stale, s.HasRendered, s.Content, s.Rendered = false, true, plan.Same, plan.Generation{}
				s.Published.Origin = g1.Origin
				settled(s)
			}},
			{"the same, a change is pending: not settled", func(s *state) { s.Published.Pending = list(pend(1, reload, now)) }, plan.Rendered{Generation: g1, Content: plan.Same}, func(s *state) {
				s.Stale, s.HasRendered, s.Content = false, true, plan.Same
				s.Published.Origin = g1.Origin
				ready(s)
			}},
			{"the same, the certificate that is due is held back: not settled", func(s *state) {
				s.Certificates = []plan.Issuance{{Due: now, Limited: true, Loaded: true}}
				s.ObservedAt = now
			}, plan.Rendered{Generation: g1, Content: plan.Same}, func(s *state) {
				s.Stale, s.HasRendered, s.Content = false, true, plan.Same
				s.Published.Origin = g1.Origin
				ready(s)
			}},
			{"the same, the certificate that is due was refused: not settled", func(s *state) {
				s.Certificates = []plan.Issuance{{Due: now, Failures: 1, Loaded: true}}
				s.ObservedAt = now
			}, plan.Rendered{Generation: g1, Content: plan.Same}, func(s *state) {
				s.Stale, s.HasRendered, s.Content = false, true, plan.Same
				s.Published.Origin = g1.Origin
				ready(s)
			}},
			{"the same, the certificate was held back and is not due any more: settled", func(s *state) {
				s.Certificates = []plan.Issuance{{Due: in(minute), Failures: 1, Loaded: true}}
				s.ObservedAt = now
			}, plan.Rendered{Generation: g1, Content: plan.Same}, func(s *state) {
				s.Stale, s.HasRendered, s.Content = false, true, plan.Same
				s.Published.Origin = g1.Origin
				settled(s)
			}},
			{"the same as what has to pass its check: nobody may count on it", func(s *state) { s.Published.Check, s.Vetoes = plan.Unchecked, 1 },
				plan.Rendered{Generation: g1, Content: plan.Same}, func(s *state) {
					s.Stale, s.HasRendered, s.Content = false, true, plan.Same
					s.Published.Origin = g1.Origin
				}},
			{"the same as what was rolled back to: what was vetoed is not wanted any more", func(s *state) { s.Rejected, s.Vetoes = "9", 2 },
				plan.Rendered{Generation: g1, Content: plan.Same}, func(s *state) {
					s.Stale, s.HasRendered, s.Content = false, true, plan.Same
					s.Published.Origin = g1.Origin
					s.Rejected, s.Vetoes = "", 0
					settled(s)
				}},
			{"anything: what holds publishing back stays", func(s *state) { s.Rejected, s.Retry.Publish, s.Retry.Rejected = "9", in(minute), in(minute) },
				plan.Rendered{Generation: g1, Content: plan.Differs}, func(s *state) {
					s.Stale, s.HasRendered, s.Content, s.Rendered = false, true, plan.Differs, g1
				}},
			{"incomplete: go on waiting", func(s *state) { s.Content, s.Rendered, s.Failures.Render = plan.Differs, g1, 2 }, plan.RenderIncomplete{},
				func(s *state) { s.Content, s.Rendered, s.Failures.Render = plan.Unknown, plan.Generation{}, 0 }},
			{"failed: back off", func(s *state) { s.Content, s.Rendered = plan.Differs, g1 }, plan.RenderFailed{Failure: at}, func(s *state) {
				s.Content, s.Rendered, s.Failures.Render, s.Retry.Render = plan.Unknown, plan.Generation{}, 1, in(250*time.Millisecond)
			}},
			{"failed again: back off for longer", func(s *state) { s.Failures.Render = 2 }, plan.RenderFailed{Failure: at},
				func(s *state) { s.Failures.Render, s.Retry.Render = 3, in(second) }},
		}},
		{"publishing", state{Setup: plan.Setup{Changes: []plan.Change{reload}}, Fetching: true, Content: plan.Differs, Rendered: g1}, []transition{
			{"published: its change is pending", func(s *state) { s.Failures.Publish = 2 }, plan.Published{Due: []time.Time{in(second)}}, func(s *state) {
				s.Published = plan.Publication{Generation: g1, Pending: list(pend(1, reload, in(second)))}
				s.Tickets, s.Failures.Publish = 1, 0
				published(s)
				ready(s)
			}},
			{"published: since when it is visible is known", asIs, plan.Published{Due: []time.Time{now}, Visible: "boot/1"}, func(s *state) {
				s.Published = plan.Publication{Generation: g1, Visible: "boot/1", Pending: list(pend(1, reload, now))}
				s.Tickets = 1
				published(s)
				ready(s)
			}},
			{"published, the child has yet to start: nothing is pending", asIs, plan.Published{Due: []time.Time{now}, NotNeeded: []string{"reload"}}, func(s *state) {
				s.Published.Generation = g1
				published(s)
				settled(s)
			}},
			{"published, an older change is pending: it runs once, for this one", func(s *state) {
				s.Setup.Changes, s.Rendered.Differs = []plan.Change{restart, reload}, []bool{false, true}
				s.Published.Pending = list(plan.PendingChange{Key: "restart", NotBefore: in(minute), Failures: 3, Ticket: 4})
				s.Tickets = 4
			}, plan.Published{Due: []time.Time{in(second), in(2 * second)}}, func(s *state) {
				s.Published = plan.Publication{Generation: s.Rendered, Pending: list(pend(5, restart, in(second)), pend(6, reload, in(2*second)))}
				s.Tickets = 6
				published(s)
				ready(s)
			}},
			{"published, to be checked and verified: nothing may count on it yet", func(s *state) {
				s.Setup.Checks, s.Setup.Verifies, s.Retry.Check, s.Retry.Rejected = true, true, in(minute), in(minute)
				s.Published = plan.Publication{Generation: g2, Pending: list(pend(1, reload, in(minute)))}
				s.Verification = plan.Verification{Probing: true, Probe: 3, ServedOld: 1, Unanswered: 2, Absent: true, NotBefore: in(minute)}
				s.Tickets = 1
			}, plan.Published{Due: []time.Time{now}}, func(s *state) {
				before := s.Published
				s.Published = plan.Publication{Generation: g1, Check: plan.Unchecked, Pending: list(pend(2, reload, now)), Previous: &before}
				s.Verification = plan.Verification{Unverified: true, Probe: 3, ServedOld: 1} // what was seen counts
				s.Tickets, s.Retry.Check = 2, time.Time{}
				published(s)
			}},
			{"published over one that cannot pass: of the one before that, only what is pending is remembered", func(s *state) {
				s.Setup.Checks = true
				s.Published = plan.Publication{Generation: g2, Check: plan.Unchecked, Previous: &plan.Publication{Generation: g1, Pending: list(pend(1, reload, now)), Check: plan.Unchecked, Previous: &plan.Publication{}}}
			}, plan.Published{Due: []time.Time{now}}, func(s *state) {
				s.Published = plan.Publication{Generation: g1, Check: plan.Unchecked, Pending: list(pend(1, reload, now)), Previous: &plan.Publication{
					Generation: g2, Check: plan.Unchecked, Previous: &plan.Publication{Pending: list(pend(1, reload, now)), Check: plan.Unchecked},
				}}
				s.Tickets = 1
				published(s)
			}},
			{"published without a check: what was there before is forgotten", func(s *state) { s.Published = plan.Publication{Generation: g2} },
				plan.Published{Due: []time.Time{now}, NotNeeded: []string{"reload"}}, func(s *state) {
					s.Published = plan.Publication{Generation: g1}
					published(s)
					settled(s)
				}},
			{"failed: back off", asIs, plan.PublishFailed{Failure: at}, func(s *state) { s.Failures.Publish, s.Retry.Publish = 1, in(250*time.Millisecond) }},
			{"failed again: back off for longer", func(s *state) { s.Failures.Publish = 2 }, plan.PublishFailed{Failure: at},
				func(s *state) { s.Failures.Publish, s.Retry.Publish = 3, in(second) }},
			{"repaired", func(s *state) { s.Content, s.Failures.Repair = plan.Drifted, 2 }, plan.Repaired{}, func(s *state) {
				s.Content, s.Rendered, s.Failures.Repair = plan.Same, plan.Generation{}, 0
				settled(s)
			}},
			{"repaired what was rolled back to: what was vetoed is not wanted any more", func(s *state) { s.Content, s.Rejected, s.Vetoes = plan.Drifted, "9", 2 }, plan.Repaired{}, func(s *state) {
				s.Content, s.Rendered, s.Rejected, s.Vetoes = plan.Same, plan.Generation{}, "", 0
				settled(s)
			}},
			{"repairing failed: back off", func(s *state) { s.Content, s.Failures.Publish = plan.Drifted, 5 }, plan.RepairFailed{Failure: at},
				func(s *state) { s.Failures.Repair, s.Retry.Publish = 1, in(250*time.Millisecond) }},
			{"repairing failed again: back off for longer", func(s *state) { s.Content, s.Failures.Repair = plan.Drifted, 1 }, plan.RepairFailed{Failure: at},
				func(s *state) { s.Failures.Repair, s.Retry.Publish = 2, in(500*time.Millisecond) }},
		}},
		{"check", state{
			Setup: plan.Setup{Changes: []plan.Change{reload}, Checks: true}, Fetching: true, Content: plan.Same,
			Published: plan.Publication{Generation: g2, Check: plan.Unchecked, Pending: list(pend(2, reload, now)), Previous: &plan.Publication{Generation: g1}},
			Tickets:   2,
		}, []transition{
			{"passed: what was vetoed before is forgotten", func(s *state) { s.Rejected, s.Vetoes, s.Retry.Rejected = "1", 3, in(minute) }, plan.CheckPassed{}, func(s *state) {
				s.Published.Check, s.Published.Previous, s.Rejected, s.Vetoes, s.Retry.Rejected = plan.Passed, nil, "", 0, time.Time{}
				ready(s)
			}},
			{"passed, a newer one waits to be published: the bundle is not ready yet", func(s *state) { s.Content = plan.Differs }, plan.CheckPassed{},
				func(s *state) { s.Published.Check, s.Published.Previous = plan.Passed, nil }},
			{"passed, not verified yet: the child may start", func(s *state) { s.Verification.Unverified, s.Readiness.ThisRun = true, true }, plan.CheckPassed{}, func(s *state) {
				s.Published.Check, s.Published.Previous = plan.Passed, nil
				s.Readiness.MayStart = true
			}},
			{"passed, not verified yet, but an earlier run published it: the bundle is ready", func(s *state) { s.Verification.Unverified = true }, plan.CheckPassed{}, func(s *state) {
				s.Published.Check, s.Published.Previous = plan.Passed, nil
				ready(s)
			}},
			{"vetoed: take it back at once", func(s *state) { s.Retry.Rollback, s.Vetoes = in(minute), 1 }, plan.CheckVetoed{},
				func(s *state) { s.Published.Check, s.Vetoes, s.Retry.Rollback = plan.Vetoed, 2, time.Time{} }},
		}},
		{"rollback", state{
			Setup: plan.Setup{Changes: []plan.Change{reload}, Checks: true, Verifies: true}, Fetching: true, Content: plan.Same, Vetoes: 1,
			Published: plan.Publication{Generation: g2, Check: plan.Vetoed, Pending: list(pend(2, reload, now)), Previous: &plan.Publication{
				Generation: g1, Pending: list(plan.PendingChange{Key: "reload", NotBefore: in(-minute), Ticket: 1, Failures: 3}),
			}},
			Verification: plan.Verification{Probing: true, Probe: 4},
			Readiness:    plan.Readiness{ThisRun: true},
			Tickets:      2,
		}, []transition{
			{"rolled back: what is pending for the previous one runs, the vetoed one waits", func(s *state) { s.Failures.Rollback = 2 },
				plan.RolledBack{Failure: at, Visible: "boot/2", Certificates: map[string]json.RawMessage{"web": json.RawMessage(`{}`)}}, func(s *state) {
					s.Published = *s.Published.Previous
					s.Published.Visible = "boot/2"
					s.Published.Origin.Certificates = map[string]json.RawMessage{"web": json.RawMessage(`{}`)}
					s.Published.Pending[0].Ticket = 3
					s.Tickets, s.Rejected, s.Failures.Rollback = 3, "2", 0
					s.Retry.Rejected, s.Retry.Check = in(second), in(second)
					s.Content, s.Rendered = plan.Differs, g2
					s.Verification = plan.Verification{Unverified: true, Probe: 5}
					s.Readiness.MayStart = true
				}},
			{"vetoed for the third time: wait for longer", func(s *state) { s.Vetoes, s.Published.Previous.Pending = 3, nil }, plan.RolledBack{Failure: at}, func(s *state) {
				s.Published = *s.Published.Previous
				s.Rejected = "2"
				s.Retry.Rejected, s.Retry.Check = in(4*second), in(4*second)
				s.Content, s.Rendered = plan.Differs, g2
				s.Verification = plan.Verification{Unverified: true, Probe: 5}
				s.Readiness.MayStart = true
			}},
			{"rolled back to one that has to pass its check itself: nobody may count on it", func(s *state) {
				s.Published.Previous = &plan.Publication{Generation: g1, Check: plan.Unchecked}
			}, plan.RolledBack{Failure: at}, func(s *state) {
				s.Published = *s.Published.Previous
				s.Rejected = "2"
				s.Retry.Rejected, s.Retry.Check = in(second), in(second)
				s.Content, s.Rendered = plan.Differs, g2
				s.Verification = plan.Verification{Unverified: true, Probe: 5}
			}},
			{"rolled back, a newer one waits: it is rendered and compared again", func(s *state) {
				s.Content, s.Rendered = plan.Differs, plan.Generation{Digest: "3"}
				s.Published.Previous.Pending = nil
			}, plan.RolledBack{Failure: at}, func(s *state) {
				s.Published = *s.Published.Previous
				s.Rejected = "2"
				s.Retry.Rejected, s.Retry.Check = in(second), in(second)
				s.Stale, s.Content, s.Rendered = true, plan.Unknown, plan.Generation{}
				s.Verification = plan.Verification{Unverified: true, Probe: 5}
				s.Readiness.MayStart = true
			}},
			{"rolled back, the vetoed one was to be repaired: it is published again later", func(s *state) {
				s.Content, s.Rendered = plan.Drifted, plan.Generation{Digest: "2"}
				s.Published.Previous.Pending = nil
			}, plan.RolledBack{Failure: at}, func(s *state) {
				s.Published = *s.Published.Previous
				s.Rejected = "2"
				s.Retry.Rejected, s.Retry.Check = in(second), in(second)
				s.Content, s.Rendered = plan.Differs, g2
				s.Verification = plan.Verification{Unverified: true, Probe: 5}
				s.Readiness.MayStart = true
			}},
			{"rolled back, an earlier run published the vetoed one: render it anew", func(s *state) {
				s.Published.Generation, s.Published.Previous.Pending = plan.Generation{}, nil
			}, plan.RolledBack{Failure: at}, func(s *state) {
				s.Published = *s.Published.Previous
				s.Retry.Rejected, s.Retry.Check = in(second), in(second)
				s.Stale, s.Content = true, plan.Unknown
				s.Verification = plan.Verification{Unverified: true, Probe: 5}
			}},
			{"rolled back, an earlier run published the vetoed one, and it counted as fresh: ask Vault", func(s *state) {
				s.Fetching, s.FreshUntil, s.Content = false, in(time.Hour), plan.Unknown
				s.Published.Generation, s.Published.Previous.Pending = plan.Generation{}, nil
			}, plan.RolledBack{Failure: at}, func(s *state) {
				s.Published, s.FreshUntil = *s.Published.Previous, time.Time{}
				s.Retry.Rejected, s.Retry.Check = in(second), in(second)
				s.Stale = true
				s.Verification = plan.Verification{Unverified: true, Probe: 5}
			}},
			{"rolled back to what is not remembered: check it, and what is pending stays so", func(s *state) { s.Published.Previous = nil }, plan.RolledBack{Failure: at}, func(s *state) {
				s.Published = plan.Publication{Check: plan.Unchecked, Pending: list(pend(3, reload, now))}
				s.Tickets, s.Rejected = 3, "2"
				s.Retry.Rejected, s.Retry.Check = in(second), in(second)
				s.Content, s.Rendered = plan.Differs, g2
				s.Verification = plan.Verification{Unverified: true, Probe: 5}
			}},
			{"there is no previous one: check again later", func(s *state) { s.Vetoes, s.Failures.Rollback = 2, 1 }, plan.NoPrevious{Failure: at},
				func(s *state) {
					s.Published.Check, s.Retry.Check, s.Failures.Rollback = plan.Unchecked, in(2*second), 0
				}},
			{"failed: back off", asIs, plan.RollbackFailed{Failure: at}, func(s *state) { s.Failures.Rollback, s.Retry.Rollback = 1, in(250*time.Millisecond) }},
			{"failed again: back off for longer", func(s *state) { s.Failures.Rollback = 2 }, plan.RollbackFailed{Failure: at},
				func(s *state) { s.Failures.Rollback, s.Retry.Rollback = 3, in(second) }},
		}},
		{"change", state{
			Setup: plan.Setup{Changes: []plan.Change{reload, restart}, Verifies: true}, Fetching: true, Content: plan.Same,
			Published:    plan.Publication{Generation: g1, Pending: list(pend(1, reload, now), pend(2, restart, now))},
			Verification: plan.Verification{Unverified: true, NotBefore: in(minute)},
			Readiness:    plan.Readiness{ThisRun: true, MayStart: true},
			Tickets:      2,
		}, []transition{
			{"done: verify at once", asIs, plan.ChangeDone{Index: 1}, func(s *state) {
				s.Published.Pending, s.Verification.NotBefore = list(pend(1, reload, now)), time.Time{}
			}},
			{"the last one is done, nothing to verify: settled", func(s *state) { s.Published.Pending = list(pend(1, reload, now)); s.Verification.Unverified = false },
				plan.ChangeDone{}, func(s *state) {
					s.Published.Pending, s.Verification.NotBefore = nil, time.Time{}
					settled(s)
				}},
			{"the last one is done, a vetoed one waits: not settled", func(s *state) {
				s.Published.Pending = list(pend(1, reload, now))
				s.Verification.Unverified, s.Rejected, s.Content = false, "9", plan.Differs
			}, plan.ChangeDone{}, func(s *state) {
				s.Published.Pending, s.Verification.NotBefore = nil, time.Time{}
				ready(s)
			}},
			{"the last one is done while what was fresh is asked for again: not ready", func(s *state) {
				s.Published.Pending = list(pend(1, reload, now))
				s.FreshUntil, s.Content, s.Readiness.MayStart = now, plan.Unknown, false
			}, plan.ChangeDone{}, func(s *state) { s.Published.Pending, s.Verification.NotBefore = nil, time.Time{} }},
			{"the child does not run: probe soon", asIs, plan.ChangeNotNeeded{Index: 0, Now: now}, func(s *state) {
				s.Published.Pending = list(pend(2, restart, now))
				s.Verification.Absent, s.Verification.NotBefore = true, in(2*second)
				ready(s)
			}},
			{"the child does not run, nothing to verify", func(s *state) { s.Verification = plan.Verification{} }, plan.ChangeNotNeeded{Index: 1, Now: now}, func(s *state) {
				s.Published.Pending = list(pend(1, reload, now))
				ready(s)
			}},
			{"the target is not there: it stays pending, look again soon, and probe soon", asIs, plan.TargetAbsent{Index: 1, Failure: at}, func(s *state) {
				s.Published.Pending[1] = plan.PendingChange{Key: "restart", NotBefore: in(375 * time.Millisecond), Absent: 1, Ticket: 3}
				s.Verification.Absent, s.Verification.NotBefore, s.Tickets = true, in(2*second), 3
				ready(s)
			}},
			{"the target is not there, but a server is listening: not ready before it is known what that serves", asIs, plan.TargetAbsent{Index: 1, Failure: at, Listening: true}, func(s *state) {
				s.Published.Pending[1] = plan.PendingChange{Key: "restart", NotBefore: in(375 * time.Millisecond), Absent: 1, Ticket: 3}
				s.Verification.NotBefore, s.Tickets = time.Time{}, 3
			}},
			{"the child does not run, but a server is listening", asIs, plan.ChangeNotNeeded{Index: 0, Now: now, Listening: true}, func(s *state) {
				s.Published.Pending = list(pend(2, restart, now))
				s.Verification.NotBefore = time.Time{}
			}},
			{"the target is still not there: the probe is not put off again", func(s *state) { s.Published.Pending[0].Absent = 2 }, plan.TargetAbsent{Index: 0, Failure: at}, func(s *state) {
				s.Published.Pending[0] = plan.PendingChange{Key: "reload", NotBefore: in(1500 * time.Millisecond), Absent: 3, Ticket: 3}
				s.Tickets = 3
			}},
			{"the target that did not catch the signal has ended", func(s *state) { s.Published.Pending[0].Held = 9 }, plan.TargetAbsent{Index: 0, Failure: at}, func(s *state) {
				s.Published.Pending[0] = plan.PendingChange{Key: "reload", NotBefore: in(375 * time.Millisecond), Absent: 1, Ticket: 3}
				s.Verification.Absent, s.Verification.NotBefore, s.Tickets = true, in(2*second), 3
				ready(s)
			}},
			{"no target is there, nothing to verify: settled, for it may never come", func(s *state) {
				s.Published.Pending, s.Verification = list(pend(2, reload, now)), plan.Verification{}
			}, plan.TargetAbsent{Index: 0, Failure: at}, func(s *state) {
				s.Published.Pending[0] = plan.PendingChange{Key: "reload", NotBefore: in(375 * time.Millisecond), Absent: 1, Ticket: 3}
				s.Tickets = 3
				settled(s)
			}},
			{"no target is there, another change has yet to run: not settled", func(s *state) { s.Verification = plan.Verification{} }, plan.TargetAbsent{Index: 0, Failure: at}, func(s *state) {
				s.Published.Pending[0] = plan.PendingChange{Key: "reload", NotBefore: in(375 * time.Millisecond), Absent: 1, Ticket: 3}
				s.Tickets = 3
				ready(s)
			}},
			{"its signal would end the target: held, and not settled", func(s *state) {
				s.Published.Pending, s.Verification = list(pend(2, reload, now)), plan.Verification{}
				s.Published.Pending[0].Absent = 3
			}, plan.ChangeHeld{Index: 0, Failure: at}, func(s *state) {
				s.Published.Pending[0] = plan.PendingChange{Key: "reload", NotBefore: in(375 * time.Millisecond), Held: 1, Ticket: 3}
				s.Tickets = 3
				ready(s)
			}},
			{"held for long: no more than the longest pause", func(s *state) { s.Published.Pending[0].Held = 9 }, plan.ChangeHeld{Index: 0, Failure: at}, func(s *state) {
				s.Published.Pending[0] = plan.PendingChange{Key: "reload", NotBefore: in(7500 * time.Millisecond), Held: 10, Ticket: 3}
				s.Tickets = 3
			}},
			{"failed after it was held: an attempt like others", func(s *state) { s.Published.Pending[1].Held, s.Published.Pending[1].Absent = 9, 1 }, plan.ChangeFailed{Index: 1, Failure: at}, func(s *state) {
				s.Published.Pending[1] = plan.PendingChange{Key: "restart", NotBefore: in(250 * time.Millisecond), Failures: 1, Ticket: 3}
				s.Tickets = 3
			}},
			{"failed: back off", asIs, plan.ChangeFailed{Index: 1, Failure: at}, func(s *state) {
				s.Published.Pending[1] = plan.PendingChange{Key: "restart", NotBefore: in(250 * time.Millisecond), Failures: 1, Ticket: 3}
				s.Tickets = 3
			}},
			{"failed again: back off for longer", func(s *state) { s.Published.Pending[0].Failures = 2 }, plan.ChangeFailed{Index: 0, Failure: at}, func(s *state) {
				s.Published.Pending[0] = plan.PendingChange{Key: "reload", NotBefore: in(second), Failures: 3, Ticket: 3}
				s.Tickets = 3
			}},
		}},
		{"verify", state{
			Setup: plan.Setup{Changes: []plan.Change{reload}, Verifies: true}, Fetching: true, Content: plan.Same,
			Published:    plan.Publication{Generation: g1},
			Verification: plan.Verification{Unverified: true, Probing: true, Probe: 7},
			Readiness:    plan.Readiness{ThisRun: true, MayStart: true},
		}, []transition{
			{"begun", func(s *state) { s.Verification.Probing = false }, plan.VerifyStarted{}, func(s *state) { s.Verification.Probing, s.Verification.Probe, s.Verification.Looked = true, 8, true }},
			{"no certificate is for the server's name: look again later", func(s *state) { s.Verification.Probing = false }, plan.NothingToVerify{Failure: at},
				func(s *state) { s.Verification.Unanswered, s.Verification.NotBefore = 1, in(second) }},
			{"verified", func(s *state) {
				s.Verification.ServedOld, s.Verification.Unanswered, s.Verification.Absent, s.Verification.NotBefore = 1, 2, true, now
			}, plan.Verified{Probe: 7}, func(s *state) {
				s.Verification = plan.Verification{Probe: 7}
				settled(s)
			}},
			{"verified, but of an older generation", asIs, plan.Verified{Probe: 6}, asIs},
			{"verified, but that is not wanted any more", func(s *state) { s.Verification.Probing = false }, plan.Verified{Probe: 7}, asIs},
			{"the old one is served, once: change again", func(s *state) { s.Verification.Absent = true }, plan.ServedOld{Probe: 7, Failure: at}, func(s *state) {
				s.Verification = plan.Verification{Unverified: true, Probe: 7, ServedOld: 1, NotBefore: in(second)}
				s.Published.Pending, s.Tickets = list(again(1, in(second))), 1
			}},
			{"the old one is served again: change again, later", func(s *state) { s.Verification.ServedOld = 1 }, plan.ServedOld{Probe: 7, Failure: at}, func(s *state) {
				s.Verification = plan.Verification{Unverified: true, Probe: 7, ServedOld: 2, NotBefore: in(2 * second)}
				s.Published.Pending, s.Tickets = list(again(1, in(2*second))), 1
			}},
			{"the old one is served, and the change fails: it stays as it is", func(s *state) {
				s.Published.Pending = list(plan.PendingChange{Key: "reload", NotBefore: in(minute), Failures: 2, Ticket: 1})
			}, plan.ServedOld{Probe: 7, Failure: at}, func(s *state) {
				s.Verification = plan.Verification{Unverified: true, Probe: 7, ServedOld: 1, NotBefore: in(second)}
			}},
			{"the old one is served again, there is a fallback: it takes the change's place", func(s *state) {
				s.Setup.Fallback, s.Verification.ServedOld = fallback, 1
				s.Published.Pending = list(plan.PendingChange{Key: "reload", NotBefore: in(minute), Failures: 2, Ticket: 1})
				s.Tickets = 1
			}, plan.ServedOld{Probe: 7, Failure: at}, func(s *state) {
				s.Verification = plan.Verification{Unverified: true, Probe: 7, ServedOld: 2, NotBefore: in(2 * second)}
				s.Published.Pending = list(plan.PendingChange{Key: "fallback", Fallback: true, NotBefore: in(2 * second), Ticket: 2})
				s.Tickets = 2
			}},
			{"the old one is served once, there is a fallback: the change first", func(s *state) { s.Setup.Fallback = fallback }, plan.ServedOld{Probe: 7, Failure: at}, func(s *state) {
				s.Verification = plan.Verification{Unverified: true, Probe: 7, ServedOld: 1, NotBefore: in(second)}
				s.Published.Pending, s.Tickets = list(again(1, in(second))), 1
			}},
			{"the old one is served, the fallback fails: it stays as it is", func(s *state) {
				s.Setup.Fallback, s.Verification.ServedOld = fallback, 2
				s.Published.Pending = list(plan.PendingChange{Key: "fallback", Fallback: true, NotBefore: in(minute), Failures: 2, Ticket: 1})
			}, plan.ServedOld{Probe: 7, Failure: at}, func(s *state) {
				s.Verification = plan.Verification{Unverified: true, Probe: 7, ServedOld: 3, NotBefore: in(4 * second)}
			}},
			{"the old one is served, there is no change: look again", func(s *state) { s.Setup.Changes = []plan.Change{{}} }, plan.ServedOld{Probe: 7, Failure: at}, func(s *state) {
				s.Verification = plan.Verification{Unverified: true, Probe: 7, ServedOld: 1, NotBefore: in(second)}
			}},
			{"the old one is served, but to an older probe", asIs, plan.ServedOld{Probe: 6, Failure: at}, asIs},
			{"no server is listening: look again later, and take it as ready", func(s *state) { s.Verification.Unanswered = 1 }, plan.Unreachable{Probe: 7, Failure: at}, func(s *state) {
				s.Verification = plan.Verification{Unverified: true, Probe: 7, Unanswered: 2, Absent: true, NotBefore: in(2 * second)}
				settled(s)
			}},
			{"no server is listening, as an older probe saw", asIs, plan.Unreachable{Probe: 6, Failure: at}, asIs},
			{"the probe failed: look again later", asIs, plan.ProbeFailed{Probe: 7, Failure: at},
				func(s *state) {
					s.Verification = plan.Verification{Unverified: true, Probe: 7, Unanswered: 1, NotBefore: in(second)}
				}},
			{"an older probe failed", asIs, plan.ProbeFailed{Probe: 6, Failure: at}, asIs},
		}},
	} {
		for _, row := range table.rows {
			t.Run(table.name+"/"+row.name, func(t *testing.T) {
				start := func() state {
					s := clone(t, table.base)
					row.is(&s)
					return s
				}
				from, want := start(), start()
				row.becomes(&want)
				if got := from.After(row.event); !reflect.DeepEqual(got, want) {
					t.Errorf("after %s\n got %s\nwant %s", describe(row.event), show(got), show(want))
				}
				if !reflect.DeepEqual(from, start()) {
					t.Errorf("%s changed the state that it came to:\n is %s\nwas %s", describe(row.event), show(from), show(start()))
				}
			})
		}
	}
}

func TestNew(t *testing.T) {
	setup := plan.Setup{Changes: []plan.Change{reload}, Checks: true}
	want := plan.State{Setup: setup, BornAt: now, ObservedAt: now, Certificates: make([]plan.Issuance, 2)}
	if got := plan.New(setup, 2, now); !reflect.DeepEqual(got, want) {
		t.Errorf(" got %s\nwant %s", show(got), show(want))
	}
}

func describe(e plan.Event) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", e), "plan.") + " " + brief(reflect.ValueOf(e))
}

// brief prints what is not zero.
func brief(v reflect.Value) string {
	if at, ok := v.Interface().(time.Time); ok {
		return at.Format("15:04:05.000")
	}
	if v.Kind() != reflect.Struct {
		return fmt.Sprint(v)
	}
	var parts []string
	for i := range v.NumField() {
		if f := v.Field(i); !f.IsZero() && !(f.Kind() == reflect.Map && f.Len() == 0) {
			parts = append(parts, v.Type().Field(i).Name+": "+brief(f))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func show(s plan.State) string {
	text, err := json.Marshal(s)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// clone returns a state that shares nothing with s.
func clone(t testing.TB, s plan.State) plan.State {
	t.Helper()
	var c plan.State
	if err := json.Unmarshal([]byte(show(s)), &c); err != nil {
		t.Fatal(err)
	}
	return c
}
