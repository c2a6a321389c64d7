// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certagent/certagent/settings"
)

// supervision is a running supervisor on a fakeOS. Its jitter does not shorten delays.
type supervision struct {
	*Supervisor
	t      *testing.T
	system *fakeOS
	cancel context.CancelFunc
	over   chan struct{}
	exit   Exit // how Run ended, after over
	err    error
}

func supervise(t *testing.T, policy RestartPolicy, f func(t *testing.T, s *supervision)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var started atomic.Int32
		s := &supervision{t: t, system: &fakeOS{t: t}, over: make(chan struct{})}
		s.Supervisor = newSupervisor(SupervisorConfig{
			ChildConfig: ChildConfig{Command: []string{"fake"}, StopSignal: syscall.SIGTERM, KillTimeout: patience},
			Policy:      policy,
			Environ:     func() []string { return []string{strconv.Itoa(int(started.Add(1)))} },
		}, s.system.start)
		s.random = func() float64 { return 1 }
		ctx, cancel := context.WithCancel(t.Context())
		s.cancel = cancel
		go func() {
			defer close(s.over)
			s.exit, s.err = s.Run(ctx)
		}()
		defer s.end()
		synctest.Wait()
		f(t, s)
	})
}

// end stops the supervisor.
func (s *supervision) end() {
	s.cancel()
	synctest.Wait()
	for _, p := range s.system.processes() {
		p.setCompany(false)
		select {
		case <-p.ended:
		default:
			close(p.ended)
		}
	}
	if _, err := s.Stop(context.Background()); err != nil {
		s.t.Error(err)
	}
	<-s.over
}

// expectStarts checks how many processes were started so far.
func (s *supervision) expectStarts(n int) {
	s.t.Helper()
	synctest.Wait()
	if got := len(s.system.processes()); got != n {
		s.t.Fatalf("%d processes were started, want %d", got, n)
	}
}

// expectStartAfter checks that the next process is started after a delay and not before.
func (s *supervision) expectStartAfter(delay time.Duration) {
	s.t.Helper()
	before := len(s.system.processes())
	time.Sleep(delay - time.Nanosecond)
	s.expectStarts(before)
	time.Sleep(time.Nanosecond)
	s.expectStarts(before + 1)
}

// last returns the process that was started last.
func (s *supervision) last() *fakeProcess {
	all := s.system.processes()
	return all[len(all)-1]
}

func (s *supervision) expectOver(code int, err error) {
	s.t.Helper()
	synctest.Wait()
	select {
	case <-s.over:
	default:
		s.t.Fatal("Run goes on")
	}
	if s.exit.Code != code || !errors.Is(s.err, err) {
		s.t.Fatalf("Run returned %v, %v, want exit code %d, %v", s.exit, s.err, code, err)
	}
}

var always = RestartPolicy{Restart: settings.Restart{When: settings.Always}}

func TestChildIsStartedAgain(t *testing.T) {
	supervise(t, always, func(t *testing.T, s *supervision) {
		for _, delay := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			s.last().exit(int(delay))
			if s.Running() {
				t.Error("Running during the delay")
			}
			s.expectStartAfter(delay * time.Second)
		}
		time.Sleep(time.Minute) // longer than Reset
		s.last().exit(0)
		s.expectStartAfter(time.Second)
		if want := []string{"1", "2", "3"}; !slices.Equal(s.system.envs[:3], want) {
			t.Errorf("environments %v, want %v", s.system.envs[:3], want)
		}
	})
}

// The time to stop the rest of the group does not count as time that the child lived.
func TestChildThatLeavesMuchBehindHasNotSettled(t *testing.T) {
	supervise(t, RestartPolicy{Restart: settings.Restart{When: settings.Always, Reset: 10 * time.Second}}, func(t *testing.T, s *supervision) {
		s.last().exit(1)
		s.expectStartAfter(time.Second)
		p := s.last()
		p.setCompany(true)
		p.exit(1)
		time.Sleep(20*time.Second + 1)
		p.setCompany(false)
		time.Sleep(groupPollInterval - 1) // until it is checked next
		s.expectStartAfter(2 * time.Second)
	})
}

func TestChildWhoseEndIsAccepted(t *testing.T) {
	for name, tt := range map[string]struct {
		policy RestartPolicy
		code   int
	}{
		"never":                      {RestartPolicy{}, 7},
		"never, success":             {RestartPolicy{}, 0},
		"on failure, success":        {RestartPolicy{Restart: settings.Restart{When: settings.OnFailure}}, 0},
		"on failure, like a success": {RestartPolicy{Restart: settings.Restart{When: settings.OnFailure}, Success: []int{7}}, 7},
	} {
		t.Run(name, func(t *testing.T) {
			supervise(t, tt.policy, func(t *testing.T, s *supervision) {
				s.last().exit(tt.code)
				s.expectOver(tt.code, nil)
				time.Sleep(time.Hour)
				s.expectStarts(1)
			})
		})
	}
}

func TestEndOfTheContextDuringADelay(t *testing.T) {
	supervise(t, always, func(t *testing.T, s *supervision) {
		s.last().exit(3)
		time.Sleep(time.Millisecond)
		s.cancel()
		s.expectOver(3, context.Canceled) // at once: the bubble's clock stands still
		if e, err := s.Stop(t.Context()); e.Code != 3 || err != nil {
			t.Errorf("Stop returned %v, %v, want exit code 3", e, err)
		}
		time.Sleep(time.Hour)
		s.expectStarts(1)
	})
}

func TestEndOfTheContextLeavesTheChild(t *testing.T) {
	supervise(t, always, func(t *testing.T, s *supervision) {
		s.cancel()
		s.expectOver(0, context.Canceled)
		if !s.Running() {
			t.Error("the child does not run any more")
		}
		s.last().expectSent()
	})
}

func TestStopDuringADelay(t *testing.T) {
	supervise(t, always, func(t *testing.T, s *supervision) {
		s.last().exit(3)
		if e, err := s.Stop(t.Context()); e.Code != 3 || err != nil {
			t.Errorf("Stop returned %v, %v, want exit code 3", e, err)
		}
		s.expectOver(3, ErrStopped)
		expectDone(t, "Restart", call(s.Restart), ErrStopped)
	})
}

func TestStopOfAChildThatRuns(t *testing.T) {
	supervise(t, always, func(t *testing.T, s *supervision) {
		done := call(func(ctx context.Context) error { _, err := s.Stop(ctx); return err })
		s.last().expectSent(term, contGroup)
		s.last().exit(143)
		expectDone(t, "Stop", done, nil)
		s.expectOver(143, ErrStopped)
		s.expectStarts(1)
	})
}

func TestRestartEndsADelay(t *testing.T) {
	supervise(t, always, func(t *testing.T, s *supervision) {
		s.last().exit(3)
		expectDone(t, "Signal", call(func(ctx context.Context) error { return s.Signal(ctx, syscall.SIGHUP) }), ErrNotRunning)
		expectDone(t, "Restart", call(s.Restart), nil)
		s.expectStarts(2)
		s.last().exit(3)
		s.expectStartAfter(2 * time.Second) // it counts as a restart
	})
}

func TestRestartThatEndsADelayInVain(t *testing.T) {
	supervise(t, always, func(t *testing.T, s *supervision) {
		s.last().exit(3)
		failed := &StartError{Program: "fake", Code: 127}
		s.system.failNext(failed)
		expectDone(t, "Restart", call(s.Restart), failed)
		s.expectStartAfter(2 * time.Second)
	})
}

func TestRestartIsNoEnd(t *testing.T) {
	supervise(t, always, func(t *testing.T, s *supervision) {
		done := call(s.Restart)
		s.last().expectSent(term, contGroup)
		s.last().exit(143)
		expectDone(t, "Restart", done, nil)
		s.expectStarts(2)
		s.last().exit(3)
		s.expectStartAfter(time.Second) // the first delay of the policy
	})
}

func TestRestartAfterTheEnd(t *testing.T) {
	supervise(t, RestartPolicy{}, func(t *testing.T, s *supervision) {
		s.last().exit(3)
		s.expectOver(3, nil)
		expectDone(t, "Restart", call(s.Restart), ErrNotRunning)
	})
}

func TestRestartThatCannotStartIsTriedAgain(t *testing.T) {
	failed := &StartError{Program: "fake", Code: 126}
	for name, tt := range map[string]struct {
		policy RestartPolicy
		tried  bool
	}{
		"always":     {always, true},
		"on failure": {RestartPolicy{Restart: settings.Restart{When: settings.OnFailure}}, true},
		"never":      {RestartPolicy{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			supervise(t, tt.policy, func(t *testing.T, s *supervision) {
				done := call(s.Restart)
				s.system.failNext(failed)
				s.last().exit(0)
				expectDone(t, "Restart", done, failed)
				s.expectStarts(1)
				if tt.tried {
					s.expectStartAfter(time.Second)
					return
				}
				time.Sleep(time.Hour)
				s.expectStarts(1)
				expectDone(t, "the next Restart", call(s.Restart), nil)
				s.expectStarts(2)
				s.last().exit(5)
				s.expectOver(5, nil)
			})
		})
	}
}

// Restart does not depend on the policy.
func TestTwoWhoTryAgain(t *testing.T) {
	supervise(t, always, func(t *testing.T, s *supervision) {
		done := call(s.Restart)
		s.system.failNext(&StartError{Program: "fake", Code: 126})
		s.last().exit(0)
		<-done
		expectDone(t, "the next Restart", call(s.Restart), nil)
		s.expectStarts(2)
		time.Sleep(time.Hour) // Run does not start a second one
		s.expectStarts(2)
		s.last().exit(5)
		s.expectStartAfter(time.Second)
	})
}

func TestStartsThatFailAreCounted(t *testing.T) {
	supervise(t, always, func(t *testing.T, s *supervision) {
		s.last().exit(3)
		s.system.failNext(&StartError{Program: "fake", Code: 127})
		time.Sleep(time.Second)
		s.expectStarts(1)
		s.expectStartAfter(2 * time.Second)
	})
}

func TestFirstStartThatFailsIsTheEnd(t *testing.T) {
	t.Parallel()
	s := NewSupervisor(SupervisorConfig{ChildConfig: ChildConfig{Command: []string{"no-such-program"}}, Policy: always})
	defer s.Kill(context.Background())
	var failed *StartError
	if _, err := s.Run(t.Context()); !errors.As(err, &failed) || failed.Code != 127 {
		t.Errorf("Run returned %v, want a StartError with code 127", err)
	}
}

// A child that exits at once, with real processes.
func TestCrashLoop(t *testing.T) {
	t.Parallel()
	out := newStdout(t)
	s := NewSupervisor(SupervisorConfig{
		ChildConfig: ChildConfig{Command: []string{os.Args[0]}, Stdout: out.w, StopSignal: syscall.SIGTERM, KillTimeout: soon},
		Policy:      RestartPolicy{Restart: settings.Restart{When: settings.OnFailure, Delay: time.Millisecond, MaxDelay: 10 * time.Millisecond, Reset: time.Hour}},
		Environ:     func() []string { return as("say=running exit=3") },
	})
	over := make(chan error, 1)
	go func() {
		_, err := s.Run(t.Context())
		over <- err
	}()
	for range 5 {
		out.expect(t, "running")
	}
	if e, err := s.Stop(t.Context()); err != nil || e.Code != 3 && e.Signal != syscall.SIGTERM {
		t.Errorf("Stop returned %v, %v", e, err)
	}
	if err := <-over; !errors.Is(err, ErrStopped) {
		t.Errorf("Run returned %v, want ErrStopped", err)
	}
	out.expectEnd(t)
}
