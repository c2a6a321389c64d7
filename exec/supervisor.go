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
	// Environ returns the whole environment of the next process. Nil means the
	// function Environ without extra entries.
	Environ func() []string
	// Started is called once the first start has succeeded. Nil means that nobody is to
	// know.
	Started func()
}

// Supervisor keeps a child running: a process of which at most one runs at a time. Its
// methods are safe for concurrent use. If the context of a method ends, what was
// requested is done nevertheless.
//
// When the process has exited, for whatever reason, the rest of its process group is
// stopped before it is restarted or its exit is reported. A process that has left the
// group, such as a daemon, is not touched.
type Supervisor struct {
	cfg           SupervisorConfig
	child         *child
	random        func() float64
	possible      func(argv, env []string) error // why a start would fail; nil if it is not known to
	startRequests chan chan<- error              // each ends the delay and gets the result of the start
	failedStarts  chan int                       // the exit codes of starts that failed
}

// NewSupervisor returns a supervisor whose child is not running. Stop or Kill must be
// called in the end; otherwise a goroutine leaks.
func NewSupervisor(cfg SupervisorConfig) *Supervisor {
	s := newSupervisor(cfg, startProcess)
	s.possible = checkStart
	return s
}

func newSupervisor(cfg SupervisorConfig, start starter) *Supervisor {
	if cfg.Environ == nil {
		cfg.Environ = func() []string { return Environ(nil) }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Supervisor{
		cfg:           cfg,
		child:         newChild(cfg.ChildConfig, start),
		random:        rand.Float64,
		possible:      func(_, _ []string) error { return nil },
		startRequests: make(chan chan<- error),
		failedStarts:  make(chan int, 1),
	}
}

// Run starts the child, and restarts it as the policy says. It must be called once. It
// returns
//
//   - the exit of the child, if it is not restarted (see RestartPolicy.Code);
//   - the *StartError of the first start, which is a mistake in the configuration; the
//     failure of a later start may be temporary and counts as a failure of the child;
//   - the error of ctx when that ends; the child keeps running until Stop;
//   - ErrStopped, with the last exit, after Stop or Kill.
//
// It does not wait for the end of a delay before it returns.
func (s *Supervisor) Run(ctx context.Context) (Exit, error) {
	if err := s.child.Start(ctx, s.cfg.Environ()); err != nil {
		return Exit{}, err
	}
	if s.cfg.Started != nil {
		s.cfg.Started()
	}
	restarts := 0
	for {
		exit, err := s.awaitExit(ctx)
		if err != nil {
			return exit, err
		}
		next := s.cfg.Policy.After(exit, restarts, s.random())
		if !next.Restart || s.interruptedAtTerminal(exit) {
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

// awaitExit waits until the child exits without a request.
func (s *Supervisor) awaitExit(ctx context.Context) (Exit, error) {
	select {
	case exit := <-s.child.Exited():
		if exit.wentIntoBackground() {
			exit = s.endBackground(ctx, exit)
		}
		exit.proc = nil
		return exit, nil
	case code := <-s.failedStarts:
		return Exit{Code: code}, nil
	case <-s.child.done:
		return s.child.last, ErrStopped
	case <-ctx.Done():
		return Exit{}, ctx.Err()
	}
}

// interruptedAtTerminal reports whether a user at the child's terminal has pressed
// Ctrl-C or Ctrl-\. This process does not get these signals, so that the user could
// not stop it if it restarted the child.
func (s *Supervisor) interruptedAtTerminal(e Exit) bool {
	by := syscall.Signal(e.Code - 128)
	return s.cfg.Terminal && (by == syscall.SIGINT || by == syscall.SIGQUIT) && controllingTerminal(s.cfg.Stdin) != nil
}

// startAfter starts the child after a delay, or on a request.
func (s *Supervisor) startAfter(ctx context.Context, delay time.Duration) error {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	var reply chan<- error
	select {
	case <-timer.C:
	case reply = <-s.startRequests:
	case <-s.child.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	err := s.child.Start(ctx, s.cfg.Environ())
	if reply != nil {
		reply <- err
	}
	if s.recordFailedStart(err) || errors.Is(err, errRunning) { // Restart was faster
		return nil
	}
	return err
}

// recordFailedStart reports a start that failed to Run, which decides what to do.
func (s *Supervisor) recordFailedStart(err error) bool {
	var failed *StartError
	if !errors.As(err, &failed) {
		return false
	}
	s.cfg.Logger.Error(logmsg.ChildNotStarted, logkey.Error, err)
	select {
	case s.failedStarts <- failed.Code:
	default: // Run has not handled the last one yet
	}
	return true
}

// Restart stops the child and starts it with a new environment. Restarts that are
// requested while one is in progress share one new process. A child whose restart is
// delayed is started at once, because the reason of its failure may be gone.
//
// The child is not stopped if it is known that the next process could not be started: its
// program is missing, or no program can have such an environment. That is a *StartError
// as well; the child keeps running.
//
// It fails with ErrNotRunning if the child is not running, with ErrStopped, or with a
// *StartError. After a *StartError of a child that was stopped, Run retries by the policy or, if that never
// restarts, waits for the next Restart.
func (s *Supervisor) Restart(ctx context.Context) error {
	env := s.cfg.Environ()
	if err := s.possible(s.cfg.Command, env); err != nil && s.child.Running() {
		return err
	}
	err := s.child.Restart(ctx, env)
	if errors.Is(err, ErrNotRunning) {
		return s.startNow(ctx)
	}
	if s.cfg.Policy.When != settings.Never {
		s.recordFailedStart(err)
	}
	return err
}

func (s *Supervisor) startNow(ctx context.Context) error {
	reply := make(chan error, 1)
	select {
	case s.startRequests <- reply:
	default: // no delay is in progress
		return ErrNotRunning
	}
	select {
	case err := <-reply:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Signal signals the process, not its group. It fails with ErrNotRunning if the process
// is not running or is being stopped: the next one reads the new files when it starts.
func (s *Supervisor) Signal(ctx context.Context, sig syscall.Signal) error {
	return s.child.Signal(ctx, sig)
}

// Tell is Signal, but fails with a *HeldError if the signal would end the process, which
// has not installed a handler yet or never does. A signal that is meant to end a process,
// such as SIGTERM, is sent.
func (s *Supervisor) Tell(ctx context.Context, sig syscall.Signal) error {
	return s.child.Tell(ctx, sig)
}

// SignalGroup is Signal for the whole process group.
func (s *Supervisor) SignalGroup(ctx context.Context, sig syscall.Signal) error {
	return s.child.SignalGroup(ctx, sig)
}

// Running reports whether the process is running and is not being stopped.
func (s *Supervisor) Running() bool { return s.child.Running() }

// Stop stops the child for good and returns the exit of its last process, or the zero
// Exit if there was none. It may be called again, and Kill after it. It fails only if
// ctx ends first.
func (s *Supervisor) Stop(ctx context.Context) (Exit, error) { return s.child.Stop(ctx) }

// Kill is Stop, but kills the process group at once.
func (s *Supervisor) Kill(ctx context.Context) (Exit, error) { return s.child.Kill(ctx) }
