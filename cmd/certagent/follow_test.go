// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certagent/certagent/agent/status"
	"github.com/certagent/certagent/logmsg"
)

// fakeAgent is a handle of an agent that does as it is told.
type fakeAgent struct {
	changed chan struct{}

	mu    sync.Mutex
	alive func(context.Context) error
	known status.Agent
}

func (a *fakeAgent) Alive(ctx context.Context) error {
	a.mu.Lock()
	alive := a.alive
	a.mu.Unlock()
	if alive == nil {
		return nil
	}
	return alive(ctx)
}

func (a *fakeAgent) Status() status.Agent {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known
}

func (a *fakeAgent) Changed() <-chan struct{} { return a.changed }

func (a *fakeAgent) set(known status.Agent) {
	a.mu.Lock()
	a.known = known
	a.mu.Unlock()
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

func (a *fakeAgent) setAlive(alive func(context.Context) error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.alive = alive
}

// told is a notifier that keeps what it sends.
type told struct {
	*notifier
	agent *fakeAgent
	log   bytes.Buffer // to be read after synctest.Wait

	mu  sync.Mutex
	all []string
}

// newTold makes a notifier that follows an agent; it belongs into a bubble.
func newTold(t *testing.T, watchdog time.Duration) *told {
	n := &told{agent: &fakeAgent{changed: make(chan struct{}, 1)}}
	ctx, cancel := context.WithCancel(t.Context())
	n.notifier = &notifier{
		logger: slog.New(slog.NewTextHandler(&n.log, nil)), watchdog: watchdog, ctx: ctx, cancel: cancel,
		send: func(datagram string) error {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.all = append(n.all, datagram)
			return nil
		},
	}
	t.Cleanup(n.close)
	return n
}

// after returns what was sent while time passes.
func (n *told) after(d time.Duration) []string {
	time.Sleep(d)
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.all
	n.all = nil
	return all
}

func (n *told) logged(text string) int { return strings.Count(n.log.String(), text) }

// What is said depends on what was said before.
func TestNotifierPhases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTold(t, 0)
		reloaded := func() {}
		for _, c := range []struct {
			name string
			do   func()
			want string // its first line; "" for nothing
		}{
			{"a watchdog while starting", n.alive, ""},
			{"a reload while starting", func() { reloaded = n.reloading() }, ""},
			{"more time", func() { n.extend(2 * time.Second) }, "EXTEND_TIMEOUT_USEC=2000000"},
			{"a status", func() { n.setStatus("one\ntwo\x00\xff") }, "STATUS=one two ?"},
			{"the same", func() { n.setStatus("one\ntwo\x00\xff") }, ""},
			{"ready", n.ready, "READY=1"},
			{"ready again", n.ready, ""},
			{"the end of a reload that began before", func() { reloaded() }, ""},
			{"more time for a start that has ended", func() { n.extend(time.Second) }, ""},
			{"a watchdog", n.alive, "WATCHDOG=1"},
			{"a reload", func() { reloaded = n.reloading() }, "RELOADING=1"},
			{"a watchdog while reloading", n.alive, "WATCHDOG=1"},
			{"its end", func() { reloaded() }, "READY=1"},
			{"another reload", func() { reloaded = n.reloading() }, "RELOADING=1"},
			{"stopping", n.stopping, "STOPPING=1"},
			{"stopping again", n.stopping, ""},
			{"the end of that reload", func() { reloaded() }, ""},
			{"a reload while stopping", func() { reloaded = n.reloading(); reloaded() }, ""},
			{"ready while stopping", n.ready, ""},
			{"a watchdog while stopping", n.alive, ""},
			{"a status while stopping", func() { n.setStatus("three") }, ""},
		} {
			c.do()
			got, _, _ := strings.Cut(strings.Join(n.after(0), " and "), "\n")
			if got != c.want {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
		}
	})
}

// The watchdog is told at half of its time, and not as long as a loop is stuck,
// whether that is said at once or by silence.
func TestWatchdogOfAStuckLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTold(t, 10*time.Second)
		n.follow(n.agent)
		n.after(time.Second) // out of step with the ticks
		n.ready()
		watchdogs := func(d time.Duration) int {
			all := n.after(d)
			return len(slices.DeleteFunc(all, func(s string) bool { return s != "WATCHDOG=1" }))
		}
		if got := watchdogs(time.Minute); got != 12 {
			t.Errorf("told %d times a minute, want 12", got)
		}
		n.agent.setAlive(func(ctx context.Context) error {
			<-ctx.Done()
			return fmt.Errorf("no heartbeat from the store of secrets: %w", ctx.Err())
		})
		if got := watchdogs(time.Minute); got != 0 {
			t.Errorf("told %d times while a loop is stuck", got)
		}
		if got := n.logged("no heartbeat from the store of secrets"); got != 1 {
			t.Errorf("logged %d times, want once", got)
		}
		n.agent.setAlive(func(context.Context) error { return errors.New("no heartbeat from bundle \\\"web\\\"") })
		if got := watchdogs(time.Minute); got != 0 {
			t.Errorf("told %d times while another loop is stuck", got)
		}
		n.agent.setAlive(func(context.Context) error { time.Sleep(4 * time.Second); return nil })
		if got := watchdogs(time.Minute); got < 11 {
			t.Errorf("told %d times a minute while the answer is slow", got)
		}
		n.stopping()
		if got := watchdogs(time.Minute); got != 0 {
			t.Errorf("told %d times while stopping", got)
		}
	})
}

// A question that is under way does not hold up the end.
func TestWatchdogEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTold(t, time.Hour)
		n.agent.setAlive(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		n.follow(n.agent)
		n.after(31 * time.Minute)
		begun := time.Now()
		n.close()
		if took := time.Since(begun); took > 0 {
			t.Errorf("closing took %s", took)
		}
		if got := n.logged("not told"); got != 0 {
			t.Error("an answer that was not awaited is complained about")
		}
	})
}

// Time is asked for as long as only Vault is missing, and not for ever.
func TestExtension(t *testing.T) {
	waiting := status.Agent{Login: status.Vault, Bundles: []status.Bundle{{Awaits: status.Vault}}}
	extensions := func(all []string) int {
		return len(slices.DeleteFunc(all, func(s string) bool { return s != "EXTEND_TIMEOUT_USEC=15000000" }))
	}
	synctest.Test(t, func(t *testing.T) {
		n := newTold(t, 0)
		n.agent.known = waiting
		n.follow(n.agent)
		if got := extensions(n.after(statusInterval - time.Millisecond)); got != 0 {
			t.Errorf("%d extensions for a start that has just begun", got)
		}
		if got := extensions(n.after(time.Minute)); got != 12 {
			t.Errorf("%d extensions in a minute, want 12", got)
		}
		n.agent.set(status.Agent{Login: status.Operator, Bundles: waiting.Bundles})
		if got := extensions(n.after(time.Minute)); got != 0 {
			t.Errorf("%d extensions for what time does not heal", got)
		}
		n.agent.set(waiting)
		n.after(longestExtension)
		if got := extensions(n.after(time.Minute)); got != 0 {
			t.Errorf("%d extensions after %s", got, longestExtension)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		n := newTold(t, 0)
		n.agent.known = waiting
		n.ready()
		n.follow(n.agent)
		if got := extensions(n.after(time.Minute)); got != 0 {
			t.Errorf("%d extensions of a start that has ended", got)
		}
	})
}

// Many changes at once are one status, and a status that time alone changes is
// told, too.
func TestStatusIsToldWhenItChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTold(t, 0)
		n.agent.known = status.Agent{Login: status.Vault}
		n.follow(n.agent)
		if got := n.after(time.Hour); !slices.Contains(got, "STATUS=waiting for Vault: not logged in") {
			t.Errorf("at first systemd is told %q", got)
		}
		renews := time.Now().Add(3 * time.Minute).Round(0)
		all := make([]status.Bundle, 100)
		for i := range all {
			all[i].Published = true
			n.agent.set(status.Agent{Bundles: slices.Clone(all)})
		}
		all[0].Renews = renews
		n.agent.set(status.Agent{Bundles: all})
		at := renews.UTC().Format("15:04:05Z")
		got := n.after(time.Second)
		if len(got) != 1 || got[0] != "STATUS=100 bundles, all published; next renewal "+at {
			t.Errorf("systemd is told %q", got)
		}
		if got := n.after(3*time.Minute + 30*time.Second); len(got) > 0 {
			t.Errorf("nothing has happened, and systemd is told %q", got)
		}
		if got := n.after(time.Minute); len(got) != 1 || got[0] != "STATUS=100 bundles, all published; renewal overdue since "+at {
			t.Errorf("the renewal is late, and systemd is told %q", got)
		}
	})
}

// Without systemd nothing runs and nothing is said.
func TestNotifierWithoutSystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	n := newNotifier(slog.New(slog.DiscardHandler))
	n.follow(&fakeAgent{})
	n.ready()
	n.reloading()()
	n.close()
}

// An error is told once, whatever the next one is.
func TestNotifierComplainsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTold(t, 0)
		n.send = func(text string) error { return errors.New("no " + text) }
		n.ready()
		n.alive()
		n.setStatus("good")
		n.after(0)
		if got := n.logged(logmsg.NotifyFailed); got != 1 {
			t.Errorf("%d complaints:\n%s", got, n.log.String())
		}
	})
}

// While systemd does not read its socket, nobody waits for it. When it reads again, it
// gets the latest message of each kind, in the order of the events.
func TestNotifierWhileSystemdDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTold(t, 0)
		var reads atomic.Bool
		send := n.send
		n.send = func(text string) error {
			if time.Sleep(notifyPatience); !reads.Load() {
				return os.ErrDeadlineExceeded
			}
			return send(text)
		}
		begun := time.Now()
		for range 100 {
			n.setStatus(time.Now().String())
			n.extend(time.Second)
		}
		n.setStatus("last")
		n.ready()
		n.alive()
		done := n.reloading()
		n.alive()
		done()
		if took := time.Since(begun); took > 0 {
			t.Errorf("the callers waited %v", took)
		}
		if got := n.after(time.Minute); len(got) > 0 {
			t.Errorf("systemd is told %q", got)
		}
		reads.Store(true)
		got := n.after(time.Minute)
		for i := range got {
			got[i], _, _ = strings.Cut(got[i], "\n")
		}
		want := []string{"EXTEND_TIMEOUT_USEC=1000000", "STATUS=last", "RELOADING=1", "WATCHDOG=1", "READY=1"}
		if !slices.Equal(got, want) {
			t.Errorf("systemd is told %q, want %q", got, want)
		}
		if got := n.logged(logmsg.NotifyFailed); got != 1 {
			t.Errorf("%d complaints:\n%s", got, n.log.String())
		}
	})
}

// A systemd that does not read delays the end by no more than notifyPatience.
func TestNotifierEndsWhileSystemdDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTold(t, 0)
		n.send = func(string) error {
			time.Sleep(notifyPatience)
			return os.ErrDeadlineExceeded
		}
		n.ready()
		n.setStatus("one")
		begun := time.Now()
		n.close()
		if took := time.Since(begun); took > notifyPatience {
			t.Errorf("the end took %v", took)
		}
		n.after(time.Minute) // the goroutine ends by itself
	})
}
