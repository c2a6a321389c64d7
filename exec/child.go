// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"syscall"
	"time"
)

var (
	// ErrNotRunning is the error if there is no process to signal or to restart.
	ErrNotRunning = errors.New("not running")
	// errRunning is the error if the process is running already.
	errRunning = errors.New("already running")
	// ErrStopped is the error after Stop or Kill.
	ErrStopped = errors.New("stopped")
)

// ChildConfig describes a child. The caller closes the files; nil stands for the
// null device.
type ChildConfig struct {
	Command []string // the program, looked up in PATH, and its arguments
	// StopSignal stops the child; 0 means none. It is sent to the child itself, as
	// in Vault Agent, and followed by SIGCONT for a child that is suspended. When the
	// child has exited, it is sent to the processes that are left in its group.
	StopSignal syscall.Signal
	// StopGroup sends StopSignal to the whole process group at once, as Vault Agent
	// does for a command in a shell.
	StopGroup bool
	// KillTimeout is the time from StopSignal to SIGKILL for the whole process group;
	// 0 kills it at once.
	KillTimeout           time.Duration
	Stdin, Stdout, Stderr *os.File
	// Terminal enables job control. If Stdin is the controlling terminal and
	// certagent is in its foreground, the child is in the foreground instead until it
	// exits: the child can read from the terminal and gets the signals of Ctrl-C and
	// the like; certagent does not. If the child is suspended, for example by Ctrl-Z,
	// certagent suspends its own process group as well, provided that a shell can
	// resume it, and resumes the child when it is resumed.
	Terminal bool
	Logger   *slog.Logger // nil logs nothing
}

// child is a process that can be started, stopped and restarted; at most one runs at
// a time. One goroutine owns its state. The methods send requests to it and are safe
// for concurrent use. If the context of a method ends, the request is carried out
// nevertheless.
//
// When the process has exited, for whatever reason, the rest of its process group is
// stopped before the exit is reported. A process that has left the group, such as a
// daemon, is not touched.
type child struct {
	requests chan request
	exited   chan Exit
	done     chan struct{}
	last     Exit // of the last process; read only after done is closed
}

// newChild returns a child that is not running. Stop or Kill must be called in the
// end; otherwise its goroutine leaks.
func newChild(cfg ChildConfig, start starter) *child {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	c := &child{
		requests: make(chan request),
		exited:   make(chan Exit),
		done:     make(chan struct{}),
	}
	go c.loop(&machine{ChildConfig: cfg, start: start})
	return c
}

// Start starts the process with env as its whole environment (see Environ). The error
// is errRunning, ErrStopped or a *StartError.
func (c *child) Start(ctx context.Context, env []string) error {
	_, err := c.ask(ctx, request{op: opStart, env: env})
	return err
}

// Restart stops the process and starts it again with env. Restarts that are requested
// while one is in progress share one new process, which gets the last env.
//
// It fails with ErrNotRunning if no process is running, so that it does not start a
// second one beside a restart that Exited has triggered; with ErrStopped; or with a
// *StartError, after which no process is running until Start or another Restart
// succeeds.
func (c *child) Restart(ctx context.Context, env []string) error {
	_, err := c.ask(ctx, request{op: opRestart, env: env})
	return err
}

// Signal signals the process, not its group. It fails with ErrNotRunning if the
// process is not running or is being stopped: the next one reads the new files when
// it starts.
func (c *child) Signal(ctx context.Context, sig syscall.Signal) error {
	_, err := c.ask(ctx, request{op: opSignal, sig: sig})
	return err
}

// Tell is Signal, but fails with a *HeldError if the signal would end the process.
func (c *child) Tell(ctx context.Context, sig syscall.Signal) error {
	_, err := c.ask(ctx, request{op: opTell, sig: sig})
	return err
}

// SignalGroup is Signal for the whole process group.
func (c *child) SignalGroup(ctx context.Context, sig syscall.Signal) error {
	_, err := c.ask(ctx, request{op: opSignal, to: group, sig: sig})
	return err
}

// Running reports whether the process is running and is not being stopped.
func (c *child) Running() bool {
	a, err := c.ask(context.Background(), request{op: opRunning})
	return err == nil && a.running
}

// Exited delivers the exits that neither Restart, Stop nor Kill caused. An exit that
// was not received before the next process starts is dropped.
func (c *child) Exited() <-chan Exit { return c.exited }

// Stop stops the child for good and returns the exit of its last process, or the zero
// Exit if there was none. It may be called again, and Kill after it. It fails only if
// ctx ends first.
func (c *child) Stop(ctx context.Context) (Exit, error) { return c.end(ctx, opStop) }

// Kill is Stop, but kills the process group at once.
func (c *child) Kill(ctx context.Context) (Exit, error) { return c.end(ctx, opKill) }

func (c *child) end(ctx context.Context, o op) (Exit, error) {
	_, err := c.ask(ctx, request{op: o})
	if err != nil && !errors.Is(err, ErrStopped) {
		return Exit{}, fmt.Errorf("waiting for the child to exit: %w", err)
	}
	<-c.done
	return c.last, nil
}

func (c *child) ask(ctx context.Context, r request) (answer, error) {
	r.reply = make(chan answer, 1)
	select {
	case c.requests <- r:
	case <-c.done:
		return answer{}, ErrStopped
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	select {
	case a := <-r.reply: // every accepted request is answered before done is closed
		return a, a.err
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
}

func (c *child) loop(m *machine) {
	// The thread that starts a process must outlive it (see starter). It is never
	// unlocked: it exits with this goroutine, when no process is left.
	runtime.LockOSThread()
	defer close(c.done)
	for !m.finished() {
		var offer chan Exit
		if m.pendingExit != nil {
			offer = c.exited
		}
		select {
		case r := <-c.requests:
			m.handle(r)
		case <-m.ended:
			m.handleLeaderExit()
		case <-m.deadline:
			m.handleDeadline()
		case <-m.groupPoll:
			m.pollGroup()
		case offer <- m.offeredExit():
			m.pendingExit = nil
		}
	}
	c.last = m.last
	m.answerStops()
}
