// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"syscall"
	"time"
)

// stopGrace is how long a command may take to exit when certagent exits.
const stopGrace = time.Second

// Command is a program to run once.
type Command struct {
	Args []string // the program, looked up in PATH, and its arguments; no shell is involved
	Env  []string // all of its environment; nil means Environ(nil)
	// Timeout is how long it may run; 0 means without limit. Then its process group
	// gets SIGTERM and, after KillTimeout, SIGKILL. With KillTimeout 0 it gets
	// SIGKILL at once, as in Vault Agent.
	Timeout     time.Duration
	KillTimeout time.Duration
	// Stdout gets what the command writes to stdout; its errors are ignored. If it
	// is nil, Result.Output has the end of that as well.
	Stdout io.Writer
}

// Result is the outcome of a command.
type Result struct {
	// Output is the last 4 KiB of what it printed. It may contain the command's
	// secrets.
	Output   string
	Code     int // its exit code; 128+n for signal n; 127 or 126 if it did not start
	Duration time.Duration
}

// Run runs a command to its end. The error is nil if the exit code is 0. Its
// text names the command as CommandLine does, and how it failed.
//
// When ctx ends, the command is stopped as after its timeout, but has at most one
// second to exit. Processes that a command left in the background keep running unless
// it was stopped. They can go on writing to their stdout and stderr, also after this
// process has ended; nobody reads that.
func Run(ctx context.Context, c Command) (Result, error) { return run(ctx, c, startProcess) }

func run(ctx context.Context, c Command, start starter) (Result, error) {
	runtime.LockOSThread() // see starter
	defer runtime.UnlockOSThread()

	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	out, err := newOutputs(c.Stdout)
	if err != nil {
		return Result{}, err
	}
	began := time.Now()
	defer commands.begin()()
	p, err := start(spec{argv: c.Args, env: c.Env, stdout: out.stdout.w, stderr: out.stderr.w})
	if err != nil {
		out.close()
		return Result{Code: exitCodeOfStart(err)}, err
	}
	cut := waitOrKill(ctx, p, c)
	exit := p.Reap()
	r := Result{Code: exit.Code, Output: out.close(), Duration: time.Since(began)}
	switch {
	case cut != nil:
		return r, fmt.Errorf("command %q: %w", CommandLine(c.Args), cut)
	case exit.Code != 0:
		return r, fmt.Errorf("command %q: %s", CommandLine(c.Args), exit)
	}
	return r, nil
}

// waitOrKill waits until p has exited. It returns nil if p exited by itself, or the
// reason why it was stopped. Until p is reaped, the kernel does not reuse the number
// of its group, so that the group can be killed even if p has exited already.
func waitOrKill(ctx context.Context, p process, c Command) error {
	ended := make(chan struct{})
	go func() { // waitOrKill does not return before this goroutine ends
		p.Wait()
		close(ended)
	}()
	var timeout <-chan time.Time
	if c.Timeout > 0 {
		timeout = time.After(c.Timeout)
	}
	var cut error
	select {
	case <-ended:
		return nil
	case <-timeout:
		cut = fmt.Errorf("timed out after %v", c.Timeout)
	case <-ctx.Done():
		cut = fmt.Errorf("interrupted: %w", context.Cause(ctx))
	}
	// An error means that no process is left in the group.
	if c.KillTimeout > 0 {
		_ = p.Signal(group, syscall.SIGTERM)
		awaitGrace(ctx, ended, c.KillTimeout)
	}
	_ = p.Signal(group, syscall.SIGKILL)
	<-ended
	return cut
}

// awaitGrace waits until ended is closed, for at most timeout, and for at most
// stopGrace once ctx has ended.
func awaitGrace(ctx context.Context, ended <-chan struct{}, timeout time.Duration) {
	deadline, stopped := time.After(timeout), ctx.Done()
	var grace <-chan time.Time
	for {
		select {
		case <-ended:
			return
		case <-deadline:
			return
		case <-grace:
			return
		case <-stopped:
			stopped, grace = nil, time.After(stopGrace)
		}
	}
}

func exitCodeOfStart(err error) int {
	var e *StartError
	if errors.As(err, &e) {
		return e.Code
	}
	return codeNotExecutable
}
