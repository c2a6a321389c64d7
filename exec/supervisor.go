// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/settings"
)

// SupervisorConfig describes a child and how it is kept running.
type SupervisorConfig struct {
	ChildConfig
	Policy RestartPolicy
	// Environ returns all of the next process's environment (see the function
	// Environ, which nil stands for).
	Environ func() []string
}

// Supervisor keeps a child running. Its methods may be called from anywhere.
type Supervisor struct {
	cfg       SupervisorConfig
	child     *Child
	random    func() float64
	hurry     chan chan<- error // ends a delay; answered with what came of the start
	unstarted chan int          // the exit code of a start that failed
}

// NewSupervisor returns a supervisor whose child does not run yet. Stop or Kill
// must be called in the end.
func NewSupervisor(cfg SupervisorConfig) *Supervisor {
	return newSupervisor(cfg, startProcess)
}

func newSupervisor(cfg SupervisorConfig, start starter) *Supervisor {
	if cfg.Environ == nil {
		cfg.Environ = func() []string { return Environ(nil) }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Supervisor{
		cfg:       cfg,
		child:     newChild(cfg.ChildConfig, start),
		random:    rand.Float64,
		hurry:     make(chan chan<- error),
		unstarted: make(chan int, 1),
	}
}

// Run starts the child, and starts it again for as long as the policy wants it.
// It is called once. It returns
//
//   - how the child ended, when that was for good (see RestartPolicy.Code);
//   - the *StartError of the first start. That is a mistake in the configuration,
//     while one that comes later may mend itself and counts as a failure of the child;
//   - the context's error when ctx ends. It leaves the child as it is, for Stop;
//   - ErrStopped, with the last end, after Stop or Kill.
//
// It does not wait out a delay before it returns.
func (s *Supervisor) Run(ctx context.Context) (Exit, error) {
	if err := s.child.Start(ctx, s.cfg.Environ()); err != nil {
		return Exit{}, err
	}
	restarts := 0
	for {
		exit, err := s.end(ctx)
		if err != nil {
			return exit, err
		}
		next := s.cfg.Policy.After(exit, restarts, s.random())
		if !next.Restart || s.interrupted(exit) {
			return exit, nil
		}
		restarts = next.Attempt
		s.cfg.Logger.Warn(logmsg.ChildRestarts, logkey.Command, CommandLine(s.cfg.Command),
			logkey.Code, exit.Code, logkey.Attempt, next.Attempt, logkey.Retry, next.Delay)
		if err := s.startAfter(ctx, next.Delay); err != nil {
			return exit, err
		}
	}
}

// end waits until the child has ended without having been asked to.
func (s *Supervisor) end(ctx context.Context) (Exit, error) {
	select {
	case exit := <-s.child.Exited():
		return exit, nil
	case code := <-s.unstarted:
		return Exit{Code: code}, nil
	case <-s.child.done:
		return s.child.last, ErrStopped
	case <-ctx.Done():
		return Exit{}, ctx.Err()
	}
}

// interrupted tells whether somebody at the child's terminal has ended it with
// Ctrl-C or Ctrl-\. These do not reach us, and to start it again would leave
// them no way to end us.
func (s *Supervisor) interrupted(e Exit) bool {
	by := syscall.Signal(e.Code - 128)
	return s.cfg.Terminal && (by == syscall.SIGINT || by == syscall.SIGQUIT) && controllingTerminal(s.cfg.Stdin) != nil
}

// startAfter starts the child after a delay, or when it must be now.
func (s *Supervisor) startAfter(ctx context.Context, delay time.Duration) error {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	var reply chan<- error
	select {
	case <-timer.C:
	case reply = <-s.hurry:
	case <-s.child.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	err := s.child.Start(ctx, s.cfg.Environ())
	if reply != nil {
		reply <- err
	}
	if s.failedToStart(err) || errors.Is(err, ErrRunning) { // Restart was faster
		return nil
	}
	return err
}

// failedToStart leaves it to Run what comes after a start that failed.
func (s *Supervisor) failedToStart(err error) bool {
	var failed *StartError
	if !errors.As(err, &failed) {
		return false
	}
	s.cfg.Logger.Error(logmsg.ChildNotStarted, logkey.Error, err)
	select {
	case s.unstarted <- failed.Code:
	default: // Run knows of one already
	}
	return true
}

// Restart restarts the child with a new environment, as Child.Restart does. A
// child that waits to be started again is started at once: what it failed for
// may have changed. If the new process cannot be started, Run tries again by the
// policy; if that never restarts, it waits for the next Restart.
func (s *Supervisor) Restart(ctx context.Context) error {
	err := s.child.Restart(ctx, s.cfg.Environ())
	if errors.Is(err, ErrNotRunning) {
		return s.startNow(ctx)
	}
	if s.cfg.Policy.When != settings.Never {
		s.failedToStart(err)
	}
	return err
}

func (s *Supervisor) startNow(ctx context.Context) error {
	reply := make(chan error, 1)
	select {
	case s.hurry <- reply:
	default: // it will start later, or it is over
		return ErrNotRunning
	}
	select {
	case err := <-reply:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Signal is Child.Signal.
func (s *Supervisor) Signal(ctx context.Context, sig syscall.Signal) error {
	return s.child.Signal(ctx, sig)
}

// SignalGroup is Child.SignalGroup.
func (s *Supervisor) SignalGroup(ctx context.Context, sig syscall.Signal) error {
	return s.child.SignalGroup(ctx, sig)
}

// Running is Child.Running.
func (s *Supervisor) Running() bool { return s.child.Running() }

// Stop is Child.Stop.
func (s *Supervisor) Stop(ctx context.Context) (Exit, error) { return s.child.Stop(ctx) }

// Kill is Child.Kill.
func (s *Supervisor) Kill(ctx context.Context) (Exit, error) { return s.child.Kill(ctx) }
