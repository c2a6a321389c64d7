// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"strings"
	"syscall"
	"testing"

	"github.com/certagent/certagent/examples/internal/stagetest"
	"github.com/certagent/certagent/internal/harness"
)

// process is one run of a service, as its events tell.
type process struct {
	service string
	pid     int
	serials map[string]bool // of the certificates that it showed
}

// history returns the runs of both services, in turn. That anything failed
// fails the test.
func history(t *testing.T, events []event) []*process {
	t.Helper()
	var all []*process
	byPID := make(map[int]*process)
	for _, e := range events {
		switch e.Event {
		case started:
			p := &process{service: e.Service, pid: e.PID, serials: make(map[string]bool)}
			all, byPID[e.PID] = append(all, p), p
		case called:
			if e.Answer.Service != peer[e.Service] || e.Answer.Caller != e.Service+".example.test" {
				t.Errorf("%s was answered by %s, which saw %s", e.Service, e.Answer.Service, e.Answer.Caller)
			}
			byPID[e.PID].serials[e.Answer.CallerSerial] = true
		default:
			t.Errorf("%s, process %d, %s: %s", e.Service, e.PID, e.Event, e.Error)
		}
	}
	return all
}

// Each rotation is another process with another certificate, no call fails in
// between, and none of the processes is left in the end.
func TestRotations(t *testing.T) {
	t.Parallel()
	requireFlask(t)
	const rotations = 3
	var events []event
	d := &demo{certagent: harness.CertagentStatic(t), rotations: rotations, observe: func(e event) { events = append(events, e) }}
	if err := d.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	starts, shown := make(map[string]int), make(map[string]int)
	shownBy := make(map[string]int)
	for _, p := range history(t, events) {
		starts[p.service]++
		// On a busy machine one may be ended before its first call.
		if n := len(p.serials); n > 1 {
			t.Errorf("process %d of %s showed %d certificates", p.pid, p.service, n)
		}
		for serial := range p.serials {
			shown[p.service]++
			if before, again := shownBy[serial]; again {
				t.Errorf("processes %d and %d showed the same certificate", before, p.pid)
			}
			shownBy[serial] = p.pid
		}
		if err := syscall.Kill(p.pid, 0); err != syscall.ESRCH {
			t.Errorf("process %d of %s is still there: %v", p.pid, p.service, err)
		}
	}
	if starts["a"] <= rotations || starts["b"] <= rotations {
		t.Errorf("services were started %v times for %d rotations", starts, rotations)
	}
	if shown["a"] < 2 || shown["b"] < 2 {
		t.Errorf("services showed %v certificates over %d rotations, want several", shown, rotations)
	}
}

func TestCtrlCLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	requireFlask(t)
	e := stagetest.Start(t)
	harness.Eventually(t, "both services call", func() bool {
		return strings.Contains(e.String(), "a -> b  answered") && strings.Contains(e.String(), "b -> a  answered")
	})
	if n := len(e.Processes()); n < 5 {
		t.Errorf("%d processes, want the example, two agents and two services: the check below would find nothing", n)
	}
	e.SignalGroup(syscall.SIGINT)
	e.Ends(0)
	e.LeavesNothing()
}

func TestKilledExampleLeavesNoProcess(t *testing.T) {
	t.Parallel()
	requireFlask(t)
	e := stagetest.Start(t)
	harness.Eventually(t, "both services run", func() bool { return strings.Count(e.String(), "started") == 2 })
	e.SignalGroup(syscall.SIGKILL)
	harness.Eventually(t, "agents and services end", func() bool { return len(e.Processes()) == 0 })
}
