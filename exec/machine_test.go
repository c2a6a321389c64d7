// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const patience = 30 * time.Second

var (
	term      = sent{leader, syscall.SIGTERM}
	termGroup = sent{group, syscall.SIGTERM}
	contGroup = sent{group, syscall.SIGCONT}
	killGroup = sent{group, syscall.SIGKILL}
)

// orderings runs a test in a synctest bubble with a child on a fakeOS. The child has been
// started once.
func orderings(t *testing.T, f func(t *testing.T, c *child, os *fakeOS, p *fakeProcess)) {
	orderingsWith(t, ChildConfig{StopSignal: syscall.SIGTERM, KillTimeout: patience}, f)
}

func orderingsWith(t *testing.T, cfg ChildConfig, f func(t *testing.T, c *child, os *fakeOS, p *fakeProcess)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg.Command = []string{"fake"}
		system := &fakeOS{t: t}
		c := newChild(cfg, system.start)
		if err := c.Start(t.Context(), []string{"first"}); err != nil {
			t.Fatal(err)
		}
		f(t, c, system, system.started[0])
		// Stop what the test left running.
		synctest.Wait()
		for _, p := range system.started {
			select {
			case <-p.ended:
			default:
				close(p.ended)
			}
			p.setCompany(false)
		}
		if _, err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func stop(c *child) func(context.Context) error {
	return func(ctx context.Context) error { _, err := c.Stop(ctx); return err }
}

func kill(c *child) func(context.Context) error {
	return func(ctx context.Context) error { _, err := c.Kill(ctx); return err }
}

func restartWith(c *child, env string) func(context.Context) error {
	return func(ctx context.Context) error { return c.Restart(ctx, []string{env}) }
}

func TestRestartStartsOnlyWhenTheOldProcessIsGone(t *testing.T) {
	orderings(t, func(t *testing.T, c *child, os *fakeOS, p *fakeProcess) {
		done := call(restartWith(c, "second"))
		p.expectSent(term, contGroup)
		time.Sleep(patience - time.Second)
		expectPending(t, "Restart", done)
		if len(os.started) != 1 {
			t.Fatal("started before the old process had ended")
		}
		p.exit(0)
		expectDone(t, "Restart", done, nil)
		if len(os.started) != 2 || os.envs[1] != "second" {
			t.Fatalf("started with %q, want first, second", os.envs)
		}
		expectNoExit(t, c)
	})
}

func TestRestartsUnderWayShareOneProcess(t *testing.T) {
	orderings(t, func(t *testing.T, c *child, os *fakeOS, p *fakeProcess) {
		one := call(restartWith(c, "second"))
		two := call(restartWith(c, "third"))
		p.expectSent(term, contGroup)
		p.exit(143)
		expectDone(t, "the first Restart", one, nil)
		expectDone(t, "the second Restart", two, nil)
		if len(os.started) != 2 || os.envs[1] != "third" {
			t.Fatalf("started with %q, want first, third", os.envs)
		}
	})
}

func TestRestartOfAChildThatHasJustExited(t *testing.T) {
	orderings(t, func(t *testing.T, c *child, os *fakeOS, p *fakeProcess) {
		p.exit(7)
		expectDone(t, "Restart", call(restartWith(c, "second")), ErrNotRunning)
		if got := <-c.Exited(); got.Code != 7 {
			t.Errorf("Exited delivered %v, want exit code 7", got)
		}
		if len(os.started) != 1 {
			t.Error("Restart started a child that had exited by itself")
		}
	})
}

func TestRestartWhileAnExitedChildsGroupEnds(t *testing.T) {
	orderings(t, func(t *testing.T, c *child, os *fakeOS, p *fakeProcess) {
		p.setCompany(true)
		p.exit(7)
		expectDone(t, "Restart", call(restartWith(c, "second")), ErrNotRunning)
		expectDone(t, "Start", call(func(ctx context.Context) error { return c.Start(ctx, nil) }), errRunning)
	})
}

func TestStopOvertakesRestart(t *testing.T) {
	orderings(t, func(t *testing.T, c *child, os *fakeOS, p *fakeProcess) {
		restarted := call(restartWith(c, "second"))
		stopped := call(stop(c))
		expectDone(t, "Restart", restarted, ErrStopped)
		expectPending(t, "Stop", stopped)
		p.expectSent(term, contGroup) // once
		p.exit(0)
		expectDone(t, "Stop", stopped, nil)
		if len(os.started) != 1 {
			t.Error("started after Stop")
		}
	})
}

func TestNothingWorksAfterStop(t *testing.T) {
	orderings(t, func(t *testing.T, c *child, os *fakeOS, p *fakeProcess) {
		stopped := call(stop(c))
		for _, when := range []string{"while stopping", "when stopped"} {
			expectDone(t, "Start "+when, call(func(ctx context.Context) error { return c.Start(ctx, nil) }), ErrStopped)
			expectDone(t, "Restart "+when, call(restartWith(c, "x")), ErrStopped)
			if c.Running() {
				t.Error("Running", when)
			}
			if when == "while stopping" {
				p.exit(3)
			}
		}
		expectDone(t, "Stop", stopped, nil)
		if e, err := c.Stop(t.Context()); e.Code != 3 || err != nil {
			t.Errorf("Stop returned %v, %v, want exit code 3", e, err)
		}
		if e, err := c.Kill(t.Context()); e.Code != 3 || err != nil {
			t.Errorf("Kill returned %v, %v, want exit code 3", e, err)
		}
	})
}

func TestKillTimeout(t *testing.T) {
	orderings(t, func(t *testing.T, c *child, os *fakeOS, p *fakeProcess) {
		stopped := call(stop(c))
		p.expectSent(term, contGroup)
		time.Sleep(patience - time.Nanosecond)
		p.expectSent()
		time.Sleep(time.Nanosecond)
		p.expectSent(killGroup)
		expectPending(t, "Stop", stopped) // until the process has exited
		p.exit(137)
		expectDone(t, "Stop", stopped, nil)
	})
}

func TestNoStopSignal(t *testing.T) {
	orderingsWith(t, ChildConfig{KillTimeout: patience}, func(t *testing.T, c *child, os *fakeOS, p *fakeProcess) {
		call(stop(c))
		time.Sleep(patience - time.Nanosecond)
		p.expectSent()
		time.Sleep(time.Nanosecond)
		p.expectSent(killGroup)
	})
}

func TestStopGroupSignalsAllAtOnce(t *testing.T) {
	cfg := ChildConfig{StopSignal: syscall.SIGTERM, StopGroup: true, KillTimeout: patience}
	orderingsWith(t, cfg, func(t *testing.T, c *child, os *fakeOS, p *fakeProcess) {
		p.setCompany(true)
		call(stop(c))
		p.expectSent(termGroup, contGroup)
		p.exit(0)
		p.expectSent() // they have got theirs already
	})
}

func TestKillCutsAStopShort(t *testing.T) {
	orderings(t, func(t *testing.T, c *child, os *fakeOS, p *fakeProcess) {
		stopped := call(stop(c))
		p.expectSent(term, contGroup)
		killed := call(kill(c))
		p.expectSent(killGroup)
		again := call(kill(c))
		p.expectSent()
		p.exit(137)
		expectDone(t, "Stop", stopped, nil)
		expectDone(t, "Kill", killed, nil)
		expectDone(t, "the second Kill", again, nil)
	})
}

func TestWhatTheChildLeavesBehindIsAskedThenKilled(t *testing.T) {
	tests := []struct {
		name  string
		begin func(c *child, p *fakeProcess)
		want  []sent
	}{
		{"after a stop", func(c *child, p *fakeProcess) { call(stop(c)); p.exit(0) }, []sent{term, contGroup, termGroup, contGroup}},
		{"after an exit", func(c *child, p *fakeProcess) { p.exit(1) }, []sent{termGroup, contGroup}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			orderings(t, func(t *testing.T, c *child, os *fakeOS, p *fakeProcess) {
				p.setCompany(true)
				tt.begin(c, p)
				p.expectSent(tt.want...)
				time.Sleep(patience - time.Second)
				p.expectSent()
				expectNoExit(t, c)
				if c.Running() || p.isReaped() {
					t.Error("given up while its group has processes")
				}
				time.Sleep(time.Second)
				p.expectSent(killGroup)
				p.setCompany(false)
				time.Sleep(groupPollInterval)
				p.expectSent(killGroup) // for a process that was forked meanwhile
				if !p.isReaped() {
					t.Error("not reaped although its group is empty")
				}
			})
		})
	}
}

func TestAnUnkillableProcessOfTheGroupIsLeft(t *testing.T) {
	orderings(t, func(t *testing.T, c *child, os *fakeOS, p *fakeProcess) {
		p.setCompany(true)
		p.exit(1)
		time.Sleep(patience + killTimeoutAfterKill)
		synctest.Wait()
		if !p.isReaped() {
			t.Fatal("still waiting for a process that does not die")
		}
		if got := <-c.Exited(); got.Code != 1 {
			t.Errorf("Exited delivered %v, want exit code 1", got)
		}
	})
}

func TestAnExitThatNobodyTookIsDroppedByTheNextStart(t *testing.T) {
	orderings(t, func(t *testing.T, c *child, os *fakeOS, p *fakeProcess) {
		p.exit(7)
		expectDone(t, "Start", call(func(ctx context.Context) error { return c.Start(ctx, nil) }), nil)
		expectNoExit(t, c)
		os.started[1].exit(8)
		if got := <-c.Exited(); got.Code != 8 {
			t.Errorf("Exited delivered %v, want exit code 8", got)
		}
		expectNoExit(t, c)
	})
}

func TestSignal(t *testing.T) {
	hup := func(c *child) func(context.Context) error {
		return func(ctx context.Context) error { return c.Signal(ctx, syscall.SIGHUP) }
	}
	t.Run("goes to the process alone", func(t *testing.T) {
		orderings(t, func(t *testing.T, c *child, os *fakeOS, p *fakeProcess) {
			expectDone(t, "Signal", call(hup(c)), nil)
			p.expectSent(sent{leader, syscall.SIGHUP})
		})
	})
	t.Run("finds it gone", func(t *testing.T) {
		orderings(t, func(t *testing.T, c *child, os *fakeOS, p *fakeProcess) {
			p.mu.Lock()
			p.gone = true
			p.mu.Unlock()
			expectDone(t, "Signal", call(hup(c)), ErrNotRunning)
		})
	})
	t.Run("is not sent while stopping", func(t *testing.T) {
		orderings(t, func(t *testing.T, c *child, os *fakeOS, p *fakeProcess) {
			call(restartWith(c, "second"))
			p.expectSent(term, contGroup)
			expectDone(t, "Signal", call(hup(c)), ErrNotRunning)
			p.expectSent()
		})
	})
	t.Run("is not sent after an exit", func(t *testing.T) {
		orderings(t, func(t *testing.T, c *child, os *fakeOS, p *fakeProcess) {
			p.exit(0)
			p.taken()
			expectDone(t, "Signal", call(hup(c)), ErrNotRunning)
			p.expectSent()
		})
	})
}

func TestRestartThatCannotStart(t *testing.T) {
	again := map[string]func(*child) func(context.Context) error{
		"Start": func(c *child) func(context.Context) error {
			return func(ctx context.Context) error { return c.Start(ctx, nil) }
		},
		"Restart": func(c *child) func(context.Context) error { return restartWith(c, "third") },
	}
	for name, f := range again {
		t.Run(name, func(t *testing.T) { testRestartThatCannotStart(t, name, f) })
	}
}

func testRestartThatCannotStart(t *testing.T, name string, again func(*child) func(context.Context) error) {
	orderings(t, func(t *testing.T, c *child, os *fakeOS, p *fakeProcess) {
		os.fail = &StartError{Program: "fake", Code: 127}
		done := call(restartWith(c, "second"))
		p.exit(0)
		err := <-done
		var start *StartError
		if !errors.As(err, &start) {
			t.Fatalf("Restart returned %v, want a StartError", err)
		}
		if c.Running() {
			t.Error("Running after a start that failed")
		}
		expectNoExit(t, c)
		expectDone(t, name, call(again(c)), nil)
		os.started[1].exit(0)
		<-c.Exited()
		expectDone(t, "a Restart later on", call(restartWith(c, "fourth")), ErrNotRunning)
	})
}

func TestAContextEndsOnlyTheWaiting(t *testing.T) {
	orderings(t, func(t *testing.T, c *child, os *fakeOS, p *fakeProcess) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Stop returned %v, want the context's error", err)
		}
		p.expectSent(term, contGroup)
		time.Sleep(patience - time.Second)
		p.expectSent(killGroup) // the stop was carried out
		p.exit(9)
		if e, err := c.Stop(t.Context()); e.Code != 9 || err != nil {
			t.Errorf("Stop returned %v, %v, want exit code 9", e, err)
		}
	})
}

func TestStopOfAChildThatNeverRan(t *testing.T) {
	c := newChild(ChildConfig{Command: []string{"true"}}, startProcess)
	if err := c.Signal(t.Context(), syscall.SIGHUP); !errors.Is(err, ErrNotRunning) {
		t.Errorf("Signal returned %v, want ErrNotRunning", err)
	}
	if e, err := c.Stop(t.Context()); e != (Exit{}) || err != nil {
		t.Errorf("Stop returned %v, %v, want nothing", e, err)
	}
}
