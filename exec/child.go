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
	// ErrNotRunning means that there is no process to signal or to restart.
	ErrNotRunning = errors.New("not running")
	// ErrRunning means that there is one already.
	ErrRunning = errors.New("already running")
	// ErrStopped means that the child was stopped for good.
	ErrStopped = errors.New("stopped")
)

// ChildConfig describes a child. The files belong to the caller; one that is
// nil is the null device.
type ChildConfig struct {
	Command []string // the program, looked up in PATH, and its arguments
	// StopSignal asks the child to end; 0 sends nothing. It goes to the child
	// itself, as with Vault Agent, and SIGCONT follows, lest a stopped child miss
	// it. What the child leaves behind in its process group when it has ended
	// gets it then.
	StopSignal syscall.Signal
	// StopGroup sends StopSignal to the whole process group at once, as Vault
	// Agent does for a command that runs in a shell.
	StopGroup bool
	// KillTimeout is how long a stop may take. Then the whole process group is
	// killed; 0 kills at once.
	KillTimeout           time.Duration
	Stdin, Stdout, Stderr *os.File
	// Terminal makes the child a part of job control. If Stdin is our controlling
	// terminal and we are in its foreground, the child is put there in our place
	// until it ends: it may read, and gets what Ctrl-C means, which we do not. When
	// it is stopped, by Ctrl-Z for example, and a shell is there to resume us, we
	// stop too, with our whole process group, and resume it when we are resumed.
	Terminal bool
	Logger   *slog.Logger // nil logs nothing
}

// Child is a supervised process: at most one runs at a time. One goroutine owns
// its state; the methods ask it and may be called from anywhere. A context that
// ends stops only the waiting: what was asked for still happens.
//
// Whenever its process ends, for whatever reason, whatever is left of its
// process group is ended too before anybody is told. A process that has left
// the group, as daemons do, is not touched.
type Child struct {
	requests chan request
	exited   chan Exit
	done     chan struct{}
	last     Exit // how the last process ended; to be read after done
}

// NewChild returns a child that does not run yet. Stop or Kill must be called
// in the end, or its goroutine stays.
func NewChild(cfg ChildConfig) *Child { return newChild(cfg, startProcess) }

func newChild(cfg ChildConfig, start starter) *Child {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Child{
		requests: make(chan request),
		exited:   make(chan Exit),
		done:     make(chan struct{}),
	}
	go c.loop(&machine{ChildConfig: cfg, start: start})
	return c
}

// Start starts the process with env, all of it (see Environ). It fails with
// ErrRunning, ErrStopped or a *StartError.
func (c *Child) Start(ctx context.Context, env []string) error {
	_, err := c.ask(ctx, request{op: opStart, env: env})
	return err
}

// Restart stops the process and starts it anew with env. Restarts that are asked
// for while one is under way share one new process, which gets the last env. It
// fails with ErrNotRunning if no process runs, so that it never starts a second
// one beside a restart that Exited has led to; with ErrStopped; or with a
// *StartError, after which no process runs until Start or another Restart has
// started one.
func (c *Child) Restart(ctx context.Context, env []string) error {
	_, err := c.ask(ctx, request{op: opRestart, env: env})
	return err
}

// Signal signals the process, and only that. It fails with ErrNotRunning if it
// does not run or is being stopped: the next one reads the new files anyway.
func (c *Child) Signal(ctx context.Context, sig syscall.Signal) error {
	_, err := c.ask(ctx, request{op: opSignal, sig: sig})
	return err
}

// SignalGroup is Signal to the whole process group.
func (c *Child) SignalGroup(ctx context.Context, sig syscall.Signal) error {
	_, err := c.ask(ctx, request{op: opSignal, to: group, sig: sig})
	return err
}

// Running reports whether a process runs that is not being stopped.
func (c *Child) Running() bool {
	a, err := c.ask(context.Background(), request{op: opRunning})
	return err == nil && a.running
}

// Exited delivers the exits that nobody asked for. One that has not been
// received when the next process starts is dropped.
func (c *Child) Exited() <-chan Exit { return c.exited }

// Stop ends the child for good and returns how its last process ended; the zero
// Exit if there was none. It may be called again, and Kill after it. It fails
// only when ctx ends first.
func (c *Child) Stop(ctx context.Context) (Exit, error) { return c.end(ctx, opStop) }

// Kill is Stop without patience: the process group is killed at once.
func (c *Child) Kill(ctx context.Context) (Exit, error) { return c.end(ctx, opKill) }

func (c *Child) end(ctx context.Context, o op) (Exit, error) {
	_, err := c.ask(ctx, request{op: o})
	if err != nil && !errors.Is(err, ErrStopped) {
		return Exit{}, fmt.Errorf("waiting for the child to end: %w", err)
	}
	<-c.done
	return c.last, nil
}

func (c *Child) ask(ctx context.Context, r request) (answer, error) {
	r.reply = make(chan answer, 1)
	select {
	case c.requests <- r:
	case <-c.done:
		return answer{}, ErrStopped
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	select {
	case a := <-r.reply: // every request that was taken is answered before done
		return a, a.err
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
}

func (c *Child) loop(m *machine) {
	// The thread that starts a process must outlive it (see starter). It is
	// never unlocked: it ends with this goroutine, when no process is left.
	runtime.LockOSThread()
	defer close(c.done)
	for !m.finished() {
		var offer chan Exit
		if m.unclaimed != nil {
			offer = c.exited
		}
		select {
		case r := <-c.requests:
			m.handle(r)
		case <-m.ended:
			m.leaderEnded()
		case <-m.deadline:
			m.deadlinePassed()
		case <-m.look:
			m.lookForOthers()
		case offer <- m.exit():
			m.unclaimed = nil
		}
	}
	c.last = m.last
	m.answerStops()
}
