// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/logmsg"
)

// TestRotations is the main promise: whatever is replaced, nobody notices.
func TestRotations(t *testing.T) {
	cases := []struct {
		name      string
		rotations int
		realVault bool
		options   []func(*demo)
	}{
		{name: "templates, nginx", rotations: 20},
		{name: "templates, nginx in front of a real Vault", rotations: 5, realVault: true},
		{name: "templates, the built-in server", rotations: 5, options: []func(*demo){useBuiltin}},
		{name: "bundle, nginx", rotations: 5, options: []func(*demo){useBundle}},
		{name: "bundle, nginx in front of a real Vault", rotations: 3, realVault: true, options: []func(*demo){useBundle}},
		{name: "bundle, the built-in server", rotations: 1, options: []func(*demo){useBundle, useBuiltin}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.realVault {
				start := realVault(t)
				test.options = append(test.options, func(d *demo) { d.startVault = start })
			}
			w := newWorld(t, test.options...)
			w.start()
			w.rotate(test.rotations)
			w.oneReloadEach(test.rotations)
			w.nobodyNoticed()
			// Eight clients with fewer requests than that were not busy.
			if n := w.traffic.requests.Load(); n < int64(8*test.rotations) {
				t.Errorf("%d requests only", n)
			}
			t.Logf("%d rotations, %d requests", test.rotations, w.traffic.requests.Load())
		})
	}
}

// nobodyNoticed fails the test if a request has failed.
func (w *world) nobodyNoticed() {
	w.Helper()
	if err := w.traffic.failure(); err != nil {
		w.Error(err)
	}
	if n := w.traffic.expired.Load(); n > 0 {
		w.Errorf("%d expired certificates were served", n)
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
		if next.verified != w.form.proves {
			w.Errorf("rotation %d: verified: %v", next.number, next.verified)
		}
		if left := time.Until(next.disk.NotAfter); left < 0 {
			w.Errorf("rotation %d: the certificate on disk has expired", next.number)
		}
		seen = next
	}
}

// undisturbed are the stories in which each generation was reacted to once and,
// where certagent proves that, verified. The first one may come before the server
// runs, or before it has written its pid file; the last one when certagent is
// ended.
var undisturbed = map[bool]*regexp.Regexp{
	false: regexp.MustCompile(`^p(c|s|n[cs]?)(pc)*p?$`),
	true:  regexp.MustCompile(`^pv?(c|s|nv?[cs]?)v?(pcv)*(pc?)?$`),
}

// oneReloadEach compares what certagent says that it did with what the server
// says that was done to it. Before that it ends certagent.
func (w *world) oneReloadEach(rotations int) {
	w.Helper()
	if err := w.agent.Stop(); err != nil {
		w.Fatal(err)
	}
	story := w.heard()
	if !undisturbed[w.form.proves].MatchString(story) {
		w.Errorf("what certagent did was %s", story)
	}
	numbers := regexp.MustCompile(` INF `+logmsg.Published+` bundle=`+w.form.bundle+` generation=(\d+) `).FindAllStringSubmatch(w.agent.Log(), -1)
	if len(numbers) != strings.Count(story, published) {
		w.Errorf("%d generations were published %d times", len(numbers), strings.Count(story, published))
	}
	for i, number := range numbers {
		if number[1] != fmt.Sprint(i+1) {
			w.Errorf("generation %s was published as number %d", number[1], i+1)
		}
	}
	if changes := strings.Count(story, changed); changes < rotations {
		w.Errorf("%d changes in %d rotations", changes, rotations)
	}
	w.oneReloadForEachChange()
}

// oneReloadForEachChange fails the test unless the server was reloaded as often
// as certagent says.
func (w *world) oneReloadForEachChange() {
	w.Helper()
	changes := strings.Count(w.heard(), changed)
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
