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

// stopGrace is the most that a command gets to end when certagent itself ends.
const stopGrace = time.Second

// Command is a program to run once.
type Command struct {
	Args []string // the program, looked up in PATH, and its arguments; no shell is involved
	Env  []string // all of its environment; nil means Environ(nil)
	// Timeout is how long it may run; 0 is for ever. Then its whole process
	// group gets SIGTERM and, after KillTimeout, SIGKILL. Vault Agent kills at
	// once, as KillTimeout 0 does.
	Timeout     time.Duration
	KillTimeout time.Duration
	// Stdout gets all that the command writes to its stdout; its errors are
	// ignored. If it is nil, the end of that is kept in Result.Output.
	Stdout io.Writer
}

// Result is what a command that ran left behind.
type Result struct {
	// Output is the last 4 KiB of what it printed. It may show what the command
	// was given in secret.
	Output   string
	Code     int // its exit code; 128+n for signal n; 127 or 126 if it did not start
	Duration time.Duration
}

// Run runs a command to its end. The error is nil if the exit code is 0. Its
// text names the command as CommandLine does, and how it failed.
//
// When ctx ends, the command is ended as after its time-out, but has at most a
// second for it. What a command that ended in time leaves running in the
// background goes on; it finds the command's stdout and stderr closed.
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
	p, err := start(spec{argv: c.Args, env: c.Env, stdout: out.stdout.w, stderr: out.stderr.w})
	if err != nil {
		out.close()
		return Result{Code: startCode(err)}, err
	}
	cut := await(ctx, p, c)
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

// await returns when p has ended: nil if it did so by itself, else why it was
// cut short. Until it is reaped its group's number is its own, so that the
// group can be killed even when p has already gone.
func await(ctx context.Context, p process, c Command) error {
	ended := make(chan struct{})
	go func() { // await does not return before this has ended
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
		cut = fmt.Errorf("cut short: %w", context.Cause(ctx))
	}
	// Errors mean that nobody is left to signal.
	if c.KillTimeout > 0 {
		_ = p.Signal(group, syscall.SIGTERM)
		letEnd(ctx, ended, c.KillTimeout)
	}
	_ = p.Signal(group, syscall.SIGKILL)
	<-ended
	return cut
}

// letEnd waits until ended, for at most patience, and when ctx ends for at most
// stopGrace from then.
func letEnd(ctx context.Context, ended <-chan struct{}, patience time.Duration) {
	deadline, stopped := time.After(patience), ctx.Done()
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

func startCode(err error) int {
	var e *StartError
	if errors.As(err, &e) {
		return e.Code
	}
	return codeNotExecutable
}
