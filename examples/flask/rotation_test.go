// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"strings"
	"syscall"
	"testing"

	"github.com/certagent/certagent/examples/internal/stagetest"
)

func TestRotations(t *testing.T) {
	t.Parallel()
	requireFlask(t)
	const rotations = 3
	var events []event
	d := &demo{certagent: certagent, rotations: rotations, observe: func(e event) { events = append(events, e) }}
	if err := d.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	pids := make(map[string][]int)           // of each service, in turn
	serials := make(map[int]map[string]bool) // that each process showed
	showed := func(pid int, serial string) {
		if serials[pid] == nil {
			serials[pid] = make(map[string]bool)
		}
		serials[pid][serial] = true
	}
	for _, e := range events {
		switch e.Event {
		case started:
			pids[e.Service] = append(pids[e.Service], e.PID)
		case called:
			if e.Answer.Service != peer[e.Service] || e.Answer.Caller != e.Service+".example.test" {
				t.Errorf("%s was answered by %s, which saw %s", e.Service, e.Answer.Service, e.Answer.Caller)
			}
			showed(e.PID, e.Answer.CallerSerial)
		default:
			t.Errorf("%s, process %d, %s: %s", e.Service, e.PID, e.Event, e.Error)
		}
	}
	used := make(map[string]int)
	for service, all := range pids {
		if len(all) <= rotations {
			t.Errorf("service %s was started %d times for %d rotations", service, len(all), rotations)
		}
		for _, pid := range all {
			// One that had just started when the demonstration ended called nobody.
			if len(serials[pid]) > 1 || len(serials[pid]) == 0 && pid != all[len(all)-1] {
				t.Errorf("process %d of %s showed %d certificates", pid, service, len(serials[pid]))
			}
			for serial := range serials[pid] {
				if before, again := used[serial]; again {
					t.Errorf("processes %d and %d showed the same certificate", before, pid)
				}
				used[serial] = pid
			}
			if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
				t.Errorf("process %d of %s is still there: %v", pid, service, err)
			}
		}
	}
	if len(used) < 2*rotations {
		t.Errorf("%d certificates were shown in %d rotations of two services", len(used), rotations)
	}
}

func TestCtrlCLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	requireFlask(t)
	e := stagetest.Start(t, "-certagent="+certagent)
	e.Eventually("both services call", func() bool {
		return strings.Contains(e.Output(), "a -> b  answered") && strings.Contains(e.Output(), "b -> a  answered")
	})
	if n := len(e.Processes()); n < 5 {
		t.Errorf("%d processes, want the example, two agents and two services: the check below would find nothing", n)
	}
	e.Signal(syscall.SIGINT)
	if code := e.Wait(); code != 0 {
		t.Errorf("exit code %d; it printed:\n%s", code, e.Output())
	}
	if left := e.Processes(); len(left) > 0 {
		t.Errorf("still there: %q", left)
	}
	if left := e.Files(); len(left) > 0 {
		t.Errorf("still there: %q", left)
	}
}

func TestKilledExampleLeavesNoProcess(t *testing.T) {
	t.Parallel()
	requireFlask(t)
	e := stagetest.Start(t, "-certagent="+certagent)
	e.Eventually("both services run", func() bool { return strings.Count(e.Output(), "started") == 2 })
	e.Signal(syscall.SIGKILL)
	e.Wait()
	e.Eventually("agents and services end", func() bool { return len(e.Processes()) == 0 })
}
