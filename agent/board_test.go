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

	"github.com/certagent/certagent/agent/bundle"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/agent/status"
	"github.com/certagent/certagent/exec"
)

// A loop is missed when it has given no heartbeat for longer than it said, and not
// before.
func TestHeartbeats(t *testing.T) {
	t.Parallel()
	b := newStatusBoard()
	web := new(bundle.Bundle)
	b.put(bundle.Report{Of: web, Status: status.Bundle{Name: "web"}, Step: "publish", Within: time.Minute})
	b.put(bundle.Report{Of: new(bundle.Bundle), Status: status.Bundle{Name: "api"}, Step: "react"})
	b.beatLogin(time.Hour)
	now := time.Now()
	for _, c := range []struct {
		after time.Duration
		want  string // "" if no loop is missed
	}{
		{0, ""},
		{59 * time.Second, ""},
		{62 * time.Second, `no heartbeat from bundle "web" for 1m2s: it is at the step publish`},
	} {
		if err := b.missing(now.Add(c.after)); (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("after %s: %v, want %q", c.after, err, c.want)
		}
	}
	b.put(bundle.Report{Of: web, Status: status.Bundle{Name: "web"}, Step: "rest"})
	if err := b.missing(now.Add(time.Hour + bundle.Grace - time.Second)); err != nil {
		t.Error(err)
	}
	if err := b.missing(now.Add(time.Hour + bundle.Grace + 2*time.Second)); err == nil || !strings.Contains(err.Error(), "no heartbeat from the login") {
		t.Errorf("%v, want the login", err)
	}
	b.beatLogin(0) // it waits for ever
	if err := b.missing(now.Add(1000 * time.Hour)); err != nil {
		t.Error(err)
	}
}

// What is the same as before is no news.
func TestBoardTellsOfChanges(t *testing.T) {
	t.Parallel()
	b := newStatusBoard()
	changed := func() bool {
		select {
		case <-b.changed:
			return true
		default:
			return false
		}
	}
	web := new(bundle.Bundle)
	for _, c := range []struct {
		name string
		do   func()
		want bool
	}{
		{"nothing", func() {}, false},
		{"a bundle", func() { b.put(bundle.Report{Of: web, Status: status.Bundle{Name: "web"}}) }, true},
		{"another heartbeat", func() {
			b.put(bundle.Report{Of: web, Status: status.Bundle{Name: "web"}, Step: "rest", Within: time.Minute})
		}, false},
		{"published", func() { b.put(bundle.Report{Of: web, Status: status.Bundle{Name: "web", Published: true}}) }, true},
		{"a login", func() { b.loggedIn(nil) }, true},
		{"another", func() { b.loggedIn(nil) }, false},
		{"a failed one", func() { b.loggedIn(context.DeadlineExceeded) }, true},
		{"its heartbeat", func() { b.beatLogin(time.Minute) }, false},
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
	r := &assembly{
		bundles: newBundles(nil), board: newStatusBoard(), store: secrets.New(secrets.Config{Client: client, Logger: log}),
		children: &children{all: []*child{{Supervisor: sleeper}}},
	}
	missing := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		return r.missing(ctx)
	}
	run, stop := context.WithCancel(t.Context())
	ended := make(chan struct{}, 2)

	if err := missing(); err == nil || !strings.Contains(err.Error(), "no heartbeat from the bundles' manager") {
		t.Errorf("without the bundles' manager: %v", err)
	}
	go func() { r.bundles.run(run, nil); ended <- struct{}{} }()
	if err := missing(); err == nil || !strings.Contains(err.Error(), "no heartbeat from the store of secrets") {
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
	bs := newBundles(nil)
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

// Children of one name stop one after the other.
func TestStopTimeout(t *testing.T) {
	t.Parallel()
	cs := &children{all: []*child{
		{config: config.Exec{Name: "a", KillTimeout: 20 * time.Second, Restart: true}},
		{config: config.Exec{Name: "b", KillTimeout: 10 * time.Second, Restart: true}},
		{config: config.Exec{Name: "c", KillTimeout: 5 * time.Second}},
	}}
	for name, want := range map[string]time.Duration{
		"b": 10 * time.Second, "c": 5 * time.Second, bundle.EveryChild: 30 * time.Second, "unknown": 0,
	} {
		if got := cs.StopTimeout(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// A bundle that rests while its certificate ends waits for Vault, or for nothing that is
// known: the step says nothing to an operator.
func TestExpiryAtRestNamesNoStep(t *testing.T) {
	for step, want := range map[string]string{
		"rest":  "its renewal has neither ended nor failed: Vault may not have answered yet",
		"check": "its renewal has not ended: the bundle has been at the step check for 8s",
	} {
		began := time.Now()
		if got := (expiring{heartbeat: heartbeat{doing: step, since: began}}).doing(began.Add(8 * time.Second)); got != want {
			t.Errorf("%s: got %q, want %q", step, got, want)
		}
	}
}
