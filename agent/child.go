// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/exec"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// ChildExit is the error with which Run ends because a child ended for good.
type ChildExit struct {
	// Code is the exit code to hand on: the child's, or 128+n for signal n.
	Code int
}

func (e *ChildExit) Error() string { return fmt.Sprintf("the child ended with exit code %d", e.Code) }

// endedWithUs tells whether a child has ended by what ends us. Whoever signals a
// whole process group or, as systemd does unless told otherwise, a whole cgroup
// means us, though the child may be the first to have ended.
func endedWithUs(err error) bool {
	var exit *ChildExit
	return errors.As(err, &exit) && (exit.Code == 128+int(syscall.SIGTERM) || exit.Code == 128+int(syscall.SIGINT))
}

// child is the program of an exec block.
type child struct {
	*exec.Supervisor
	config config.Exec
	policy exec.RestartPolicy
	log    *slog.Logger
	begun  atomic.Bool // the first start was attempted
}

// newChild makes a child. The only one gets our standard input and our terminal;
// several could not share them.
func (r *assembly) newChild(cfg config.Exec, only bool) (*child, error) {
	stdout, err := openOutput(cfg.Stdout, r.Stdout)
	if err != nil {
		return nil, err
	}
	stderr, err := openOutput(cfg.Stderr, r.Stderr)
	if err != nil {
		return nil, err
	}
	c := &child{config: cfg, log: r.Logger, policy: policyOf(cfg.RestartPolicy)}
	if cfg.Name != "" {
		c.log = r.Logger.With(logkey.Child, cfg.Name)
	}
	s := exec.SupervisorConfig{Policy: c.policy, Environ: r.children.environ, ChildConfig: exec.ChildConfig{
		Command:     cfg.Command,
		StopSignal:  stopSignal(cfg),
		StopGroup:   len(cfg.Command) == 3 && cfg.Command[0] == "sh" && cfg.Command[1] == "-c", // as Vault Agent does
		KillTimeout: exec.BoundKillTimeout(cfg.KillTimeout, r.Config.StopTimeout),
		Stdout:      stdout,
		Stderr:      stderr,
		Logger:      c.log,
	}}
	if only {
		s.Stdin, s.Terminal = r.Stdin, true
	}
	c.Supervisor = exec.NewSupervisor(s)
	return c, nil
}

func policyOf(p config.RestartPolicy) exec.RestartPolicy {
	policies := map[config.RestartWhen]exec.Restart{
		config.Never: exec.RestartNever, config.OnFailure: exec.RestartOnFailure, config.Always: exec.RestartAlways,
	}
	return exec.RestartPolicy{Restart: policies[p.When], MinDelay: p.Delay, MaxDelay: p.MaxDelay, Settled: p.Reset}
}

// stopSignal is what the child gets when certagent ends: what its supervisors send
// for that, SIGTERM or SIGINT, is rewritten like any other signal.
func stopSignal(cfg config.Exec) syscall.Signal {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		if to, rewritten := cfg.Signals[sig]; rewritten {
			return to
		}
	}
	return cfg.StopSignal
}

// openOutput opens the file that the child's output is appended to, or returns
// the standard one. It stays open until the process ends.
func openOutput(path string, standard *os.File) (*os.File, error) {
	if path == "" {
		return standard, nil
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}

// run starts the child when ready is closed, or at once if it is to be so, and
// keeps it running. It returns a *ChildExit when the child has ended for good, and
// nil when ctx ends: stopping is for stop to do.
func (c *child) run(ctx context.Context, ready <-chan struct{}) error {
	if !c.config.StartImmediately {
		select {
		case <-ready:
		case <-ctx.Done():
			return nil
		}
	}
	c.begun.Store(true)
	exit, err := c.Run(ctx)
	switch {
	case err == nil:
		c.log.Warn(logmsg.ChildEnded, logkey.Code, exit.Code)
		return &ChildExit{Code: c.policy.Code(exit)}
	case ctx.Err() != nil || errors.Is(err, exec.ErrStopped):
		return nil
	}
	c.log.Error(logmsg.ChildNotStarted, logkey.Error, err)
	return startFailed(err)
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

// stop ends the child; it is killed at once when hurry is closed.
func (c *child) stop(hurry <-chan struct{}) {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_, _ = c.Stop(context.Background()) // it fails only when its context ends
	}()
	select {
	case <-stopped:
	case <-hurry:
		_, _ = c.Kill(context.Background())
		<-stopped
	}
}
