// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"syscall"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/exec"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/redact"
)

// ChildExit is the error with which Run ends because the child ended.
type ChildExit struct {
	// Code is the exit code to hand on: the child's, or 128+n for signal n.
	Code int
}

func (e *ChildExit) Error() string { return fmt.Sprintf("the child ended with exit code %d", e.Code) }

// supervisor runs the program of the exec block: it starts once every bundle is
// published, with the variables that the env_templates rendered.
type supervisor struct {
	child  *exec.Child
	config config.Exec
	log    *slog.Logger

	mu    sync.Mutex
	env   map[string]redact.Bytes
	begun bool // the first start was attempted
}

func newSupervisor(cfg config.Exec, child *exec.Child, log *slog.Logger) *supervisor {
	return &supervisor{child: child, config: cfg, log: log, env: make(map[string]redact.Bytes)}
}

// setEnv gives the next start of the child a variable.
func (s *supervisor) setEnv(name string, value redact.Bytes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.env[name] = value
}

// hasEnv says whether the variable has that value already.
func (s *supervisor) hasEnv(name string, value redact.Bytes) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, known := s.env[name]
	return known && string(old) == string(value)
}

// environ is the child's whole environment.
func (s *supervisor) environ() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var extra []string
	for _, name := range slices.Sorted(maps.Keys(s.env)) {
		extra = append(extra, name+"="+string(s.env[name]))
	}
	return exec.Environ(extra)
}

// started says whether the child was started, or is about to be.
func (s *supervisor) started() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun
}

// run starts the child when ready is closed and returns when it ends by itself,
// with a *ChildExit, or when ctx ends, with nil: stopping is for stop to do.
func (s *supervisor) run(ctx context.Context, ready <-chan struct{}) error {
	select {
	case <-ready:
	case <-ctx.Done():
		return nil
	}
	s.mu.Lock()
	s.begun = true
	s.mu.Unlock()
	if err := s.child.Start(ctx, s.environ()); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		s.log.Error("the child did not start", logkey.Error, err)
		return startFailed(err)
	}
	select {
	case exit := <-s.child.Exited():
		s.log.Warn("the child ended", logkey.Code, exit.Code)
		return &ChildExit{Code: exit.Code}
	case <-ctx.Done():
		return nil
	}
}

// startFailed hands on the exit code with which a shell says that a program did
// not start.
func startFailed(err error) error {
	var failed *exec.StartError
	if errors.As(err, &failed) {
		return &ChildExit{Code: failed.Code}
	}
	return err
}

// restart restarts the child with the present environment.
func (s *supervisor) restart(ctx context.Context) error {
	return s.child.Restart(ctx, s.environ())
}

// signal signals the child.
func (s *supervisor) signal(ctx context.Context, sig syscall.Signal) error {
	return s.child.Signal(ctx, sig)
}

// stop ends the child; it is killed at once when hurry is closed.
func (s *supervisor) stop(hurry <-chan struct{}) {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_, _ = s.child.Stop(context.Background()) // it fails only when its context ends
	}()
	select {
	case <-stopped:
	case <-hurry:
		_, _ = s.child.Kill(context.Background())
		<-stopped
	}
}
