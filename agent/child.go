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
	"time"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/exec"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/safefile"
)

// ChildExit is the error of Run when a child has exited and is not restarted.
type ChildExit struct {
	// Code is the exit code for certagent: the child's, or 128+n for signal n.
	Code int
}

func (e *ChildExit) Error() string { return fmt.Sprintf("the child exited with code %d", e.Code) }

// exitedFromStop reports whether the child exited from the signal that is stopping
// the agent. A signal to the whole process group or, as systemd sends it by default,
// to the whole cgroup is meant for the agent, although the child may exit first.
func exitedFromStop(err error) bool {
	var exit *ChildExit
	return errors.As(err, &exit) && (exit.Code == 128+int(syscall.SIGTERM) || exit.Code == 128+int(syscall.SIGINT))
}

// child is the program of an exec block.
type child struct {
	*exec.Supervisor
	config config.Exec
	policy exec.RestartPolicy
	log    *slog.Logger
	begun  atomic.Bool // set before the first start
	// started is closed after the first start, if it has succeeded.
	started chan struct{}
	// hangups counts the SIGHUPs that are about to be handed on.
	hangups atomic.Int64
}

// newChild returns the child of an exec block. An only child gets the agent's
// standard input and terminal; several cannot share them.
func (r *assembly) newChild(cfg config.Exec, only bool) (*child, error) {
	stdout, err := openOutput(cfg.Stdout, r.Stdout)
	if err != nil {
		return nil, err
	}
	stderr, err := openOutput(cfg.Stderr, r.Stderr)
	if err != nil {
		return nil, err
	}
	c := &child{config: cfg, log: r.Logger, policy: exec.RestartPolicy{Restart: cfg.RestartPolicy}, started: make(chan struct{})}
	if cfg.Name != "" {
		c.log = r.Logger.With(logkey.Child, cfg.Name)
	}
	s := exec.SupervisorConfig{Policy: c.policy, Environ: r.children.environ, Started: func() { close(c.started) }, ChildConfig: exec.ChildConfig{
		Command:     cfg.Command,
		StopSignal:  stopSignal(cfg),
		StopGroup:   len(cfg.Command) == 3 && cfg.Command[0] == "sh" && cfg.Command[1] == "-c", // as Vault Agent does
		KillTimeout: r.killTimeout(cfg),
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

// killTimeout returns how long the child of an exec block has to stop.
func (a *Agent) killTimeout(cfg config.Exec) time.Duration {
	return exec.BoundKillTimeout(cfg.KillTimeout, a.Config.StopTimeout)
}

// stopSignal returns the signal that stops the child. If SIGTERM or SIGINT, which
// stop the agent, are rewritten, then so is the child's.
func stopSignal(cfg config.Exec) syscall.Signal {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		if to, rewritten := cfg.Signals[sig]; rewritten {
			return to
		}
	}
	return cfg.StopSignal
}

// ownMode is the mode of an output file that is not there yet.
const ownMode = 0o600

// openOutput opens the file that the child's output is appended to, or returns
// standard. The file stays open until this process ends.
func openOutput(path string, standard *os.File) (*os.File, error) {
	if path == "" {
		return standard, nil
	}
	return safefile.OpenAppend(path, ownMode)
}

// run starts the child when ready is closed, or at once if so configured, and keeps
// it running. It returns a *ChildExit when the child has exited and is not
// restarted, and nil when ctx ends; stop stops the child.
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
		c.log.Warn(logmsg.ChildNotRestarted, logkey.Code, exit.Code)
		return &ChildExit{Code: c.policy.Code(exit)}
	case ctx.Err() != nil || errors.Is(err, exec.ErrStopped):
		return nil
	}
	c.log.Error(logmsg.ChildNotStarted, logkey.Error, err)
	return startFailed(err)
}

// startFailed returns a *ChildExit with the code that a shell exits with when it
// cannot start a program: 126 or 127.
func startFailed(err error) error {
	var failed *exec.StartError
	if errors.As(err, &failed) {
		return &ChildExit{Code: failed.Code}
	}
	return err
}

// stop stops the child, and kills it once hurry is closed. It returns the code with
// which the child has ended (see ownCode), or 0 if it did not run.
func (c *child) stop(hurry <-chan struct{}) (code int) {
	running := c.Running()
	var exit exec.Exit
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		exit, _ = c.Stop(context.Background()) // it fails only when its context ends
	}()
	select {
	case <-stopped:
	case <-hurry:
		_, _ = c.Kill(context.Background())
		<-stopped
	}
	if !running {
		return 0
	}
	return c.ownCode(exit)
}

// ownCode returns the code of an exit that was requested: 0 for a success, and for an
// end by a signal that certagent, or who stops it, has sent. A shell and a JVM exit with
// such a code too.
func (c *child) ownCode(exit exec.Exit) int {
	for _, sig := range []syscall.Signal{stopSignal(c.config), syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT} {
		if exit.Code == 128+int(sig) {
			return 0
		}
	}
	return c.policy.Code(exit)
}
