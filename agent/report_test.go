// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/agent/status"
	"github.com/certagent/certagent/exec"
)

// How long a step may take is the sum of its time-outs, and grace.
func TestHowLongAStepMayTake(t *testing.T) {
	t.Parallel()
	const s = time.Second
	block := &config.Bundle{Check: &config.Check{Timeout: 30 * s}}
	owes := func(c config.Change) *bundle {
		return &bundle{
			parts: &parts{children: &children{all: []*child{
				{config: config.Exec{Name: "a", KillTimeout: 20 * s, Restart: true}},
				{config: config.Exec{Name: "b", KillTimeout: 10 * s, Restart: true}},
			}}},
			seen: published{owed: []owed{{}, {reaction: &reaction{Change: &c}}}},
		}
	}
	for _, c := range []struct {
		name string
		of   *bundle
		step plan.Step
		want time.Duration
	}{
		{"rest", &bundle{}, plan.Step{Do: plan.Rest}, recheck + grace},
		{"render", &bundle{}, plan.Step{Do: plan.Render}, grace},
		{"publish", &bundle{}, plan.Step{Do: plan.Publish}, grace},
		{"stop", &bundle{}, plan.Step{Do: plan.Stop}, grace},
		{"check", &bundle{block: block}, plan.Step{Do: plan.Check}, 30*s + checkKillTimeout + grace},
		{"verify", &bundle{}, plan.Step{Do: plan.Verify}, grace}, // it only begins
		{"signal", owes(config.Change{Mode: config.Signal}), plan.Step{Do: plan.React, Index: 1}, grace},
		{"restart of one", owes(config.Change{Mode: config.Restart, Exec: "b"}), plan.Step{Do: plan.React, Index: 1}, 2 * (10*s + grace)},
		{"restart of all", owes(config.Change{Mode: config.Restart, Exec: everyChild}), plan.Step{Do: plan.React, Index: 1}, 2 * (30*s + grace)},
		{"command", owes(config.Change{Mode: config.Command, Timeout: 5 * s, KillTimeout: 2 * s}), plan.Step{Do: plan.React, Index: 1}, 2 * (7*s + grace)},
		{"command that may hang", owes(config.Change{Mode: config.Command, KillTimeout: 2 * s}), plan.Step{Do: plan.React, Index: 1}, 0},
	} {
		if got := c.of.within(c.step); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// A loop is missed when it has given no sign for longer than it said, and not
// before.
func TestSignsOfLife(t *testing.T) {
	t.Parallel()
	b := newBoard()
	web := new(bundle)
	b.put(web, report{known: status.Bundle{Name: "web"}, sign: newSign("publish", time.Minute)})
	b.put(new(bundle), report{known: status.Bundle{Name: "api"}, sign: newSign("react", 0)})
	b.signLogin(time.Hour)
	now := time.Now()
	for _, c := range []struct {
		after time.Duration
		want  string // "" if no loop is missed
	}{
		{0, ""},
		{59 * time.Second, ""},
		{62 * time.Second, `bundle "web" gives no sign of life: publish since 1m2s`},
	} {
		if err := b.missing(now.Add(c.after)); (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("after %s: %v, want %q", c.after, err, c.want)
		}
	}
	b.put(web, report{known: status.Bundle{Name: "web"}, sign: newSign("rest", 0)})
	if err := b.missing(now.Add(time.Hour + grace - time.Second)); err != nil {
		t.Error(err)
	}
	if err := b.missing(now.Add(time.Hour + grace + 2*time.Second)); err == nil || !strings.Contains(err.Error(), "the login gives no sign of life") {
		t.Errorf("%v, want the login", err)
	}
	b.signLogin(0) // it waits for ever
	if err := b.missing(now.Add(1000 * time.Hour)); err != nil {
		t.Error(err)
	}
}

// What is the same as before is no news.
func TestBoardTellsOfChanges(t *testing.T) {
	t.Parallel()
	b := newBoard()
	changed := func() bool {
		select {
		case <-b.changed:
			return true
		default:
			return false
		}
	}
	web := new(bundle)
	for _, c := range []struct {
		name string
		do   func()
		want bool
	}{
		{"nothing", func() {}, false},
		{"a bundle", func() { b.put(web, report{known: status.Bundle{Name: "web"}}) }, true},
		{"another sign", func() { b.put(web, report{known: status.Bundle{Name: "web"}, sign: newSign("rest", time.Minute)}) }, false},
		{"published", func() { b.put(web, report{known: status.Bundle{Name: "web", Published: true}}) }, true},
		{"a login", func() { b.loggedIn(nil) }, true},
		{"another", func() { b.loggedIn(nil) }, false},
		{"a failed one", func() { b.loggedIn(context.DeadlineExceeded) }, true},
		{"its sign", func() { b.signLogin(time.Minute) }, false},
		{"ready", b.announce, true},
		{"gone", func() { b.remove(web) }, true},
	} {
		c.do()
		if got := changed(); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Each loop that has to answer is named when it does not.
func TestMissingLoopIsNamed(t *testing.T) {
	t.Parallel()
	client, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	sleeper := exec.NewSupervisor(exec.SupervisorConfig{ChildConfig: exec.ChildConfig{Command: []string{"sleep", "60"}}})
	r := &assembly{bundles: newBundles(), parts: &parts{
		log: log, board: newBoard(), store: secrets.New(secrets.Config{Client: client, Logger: log}),
		children: &children{all: []*child{{Supervisor: sleeper}}},
	}}
	missing := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		return r.missing(ctx)
	}
	run, stop := context.WithCancel(t.Context())
	ended := make(chan struct{}, 2)

	if err := missing(); err == nil || !strings.Contains(err.Error(), "the bundles' manager gives no sign of life") {
		t.Errorf("without the bundles' manager: %v", err)
	}
	go func() { r.bundles.run(run, nil); ended <- struct{}{} }()
	if err := missing(); err == nil || !strings.Contains(err.Error(), "the store of secrets gives no sign of life") {
		t.Errorf("without the store: %v", err)
	}
	go func() { _ = r.store.Run(run); ended <- struct{}{} }()
	if err := r.missing(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := sleeper.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := r.missing(t.Context()); err != nil {
		t.Errorf("a child that has ended: %v", err)
	}
	stop()
	<-ended
	<-ended
}

// The manager that waits for a bundle's loop to end is alive.
func TestManagerThatWaitsIsAlive(t *testing.T) {
	t.Parallel()
	bs := newBundles()
	r := &running{halt: func() {}, done: make(chan struct{})}
	stopped := make(chan struct{})
	go func() { bs.stop(r); close(stopped) }()
	for range 3 {
		if err := bs.alive(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	close(r.done)
	<-stopped
}
