// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestRotations is the main promise: whatever is replaced, nobody notices.
func TestRotations(t *testing.T) {
	cases := []struct {
		name      string
		rotations int
		options   func(t *testing.T) []func(*demo)
	}{
		{"nginx", 20, func(*testing.T) []func(*demo) { return nil }},
		{"nginx in front of a real Vault", 5, func(t *testing.T) []func(*demo) {
			start := realVault(t)
			return []func(*demo){func(d *demo) { d.startVault = start }}
		}},
		{"the built-in server", 5, func(*testing.T) []func(*demo) { return []func(*demo){useBuiltin} }},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, test.options(t)...)
			w.start()
			w.rotate(test.rotations)
			w.oneReloadEach(test.rotations)
			if err := w.traffic.failure(); err != nil {
				t.Error(err)
			}
			if n := w.traffic.expired.Load(); n > 0 {
				t.Errorf("%d expired certificates were served", n)
			}
			// Eight clients with fewer requests than that were not busy.
			if n := w.traffic.requests.Load(); n < int64(8*test.rotations) {
				t.Errorf("%d requests only", n)
			}
			t.Logf("%d rotations, %d requests", test.rotations, w.traffic.requests.Load())
		})
	}
}

// rotate waits for so many rotations; after each, what is served must be what is
// on disk.
func (w *world) rotate(rotations int) {
	w.Helper()
	seen := rotation{number: -1}
	for seen.number < rotations {
		next, err := w.nextRotation(w.Context(), seen)
		if err != nil {
			w.Fatal(err)
		}
		w.show(next)
		if !next.served.Equal(next.disk) {
			w.Errorf("rotation %d: %s is on disk and %s is served", next.number, serial(next.disk), serial(next.served))
		}
		if left := time.Until(next.disk.NotAfter); left < 0 {
			w.Errorf("rotation %d: the certificate on disk has expired", next.number)
		}
		seen = next
	}
}

// What certagent's log says of the bundle of nginx.
var (
	published = regexp.MustCompile(` published .*bundle=tls/ca\.crt generation=(\d+)`)
	changed   = regexp.MustCompile(` change (done|not needed).* bundle=tls/ca\.crt `)
)

// oneReloadEach compares what certagent says that it did with what the server
// says that was done to it. Before that it ends certagent.
func (w *world) oneReloadEach(rotations int) {
	w.Helper()
	if err := w.agent.Stop(); err != nil {
		w.Fatal(err)
	}
	generations, reactions, changes := 0, 0, 0
	for line := range strings.Lines(w.agent.Log()) {
		if m := published.FindStringSubmatch(line); m != nil {
			generations++
			if m[1] != fmt.Sprint(generations) {
				w.Errorf("generation %s was published as number %d", m[1], generations)
			}
		}
		if m := changed.FindStringSubmatch(line); m != nil {
			reactions++
			if reactions != generations {
				w.Errorf("generation %d was reacted to as number %d", generations, reactions)
			}
			if m[1] == "done" {
				changes++
			} else if generations > 1 { // the first one may come before the server runs
				w.Errorf("the server was not found at generation %d", generations)
			}
		}
	}
	if changes < rotations {
		w.Errorf("%d changes in %d rotations", changes, rotations)
	}
	w.eventually("the server tells of every reload", func() bool { return w.reloads() >= changes })
	if got := w.reloads(); got != changes {
		w.Errorf("%d reloads for %d changes", got, changes)
	}
	if w.nginx == "" {
		return
	}
	w.eventually("the last workers start", func() bool { return w.workers() >= 2*(changes+1) })
	if got, want := w.workers(), 2*(changes+1); got != want {
		w.Errorf("%d workers were started, want %d: two for each configuration", got, want)
	}
}

// workers counts the workers that nginx has started.
func (w *world) workers() int { return strings.Count(w.read("nginx.log"), ": start worker process ") }
