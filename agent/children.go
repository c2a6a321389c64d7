// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/certagent/certagent/agent/bundle"
	"github.com/certagent/certagent/exec"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/redact"
)

// children are the programs of the exec blocks, with the variables that the
// env_templates render for them.
type children struct {
	environment
	all     []*child
	reloads sync.WaitGroup // of children, by SIGHUP
}

// assembleChildren makes the children.
func (r *assembly) assembleChildren() error {
	r.children = new(children)
	for _, cfg := range r.Config.Execs {
		c, err := r.newChild(cfg, len(r.Config.Execs) == 1)
		if err != nil {
			return &Failure{Code: ExitConfig, Err: err}
		}
		r.children.all = append(r.children.all, c)
	}
	return nil
}

// named returns the child of that name, or those that bundle.EveryChild stands for.
func (cs *children) named(name string) []*child {
	var named []*child
	for _, c := range cs.all {
		if c.config.Name == name || name == bundle.EveryChild && c.config.Restart {
			named = append(named, c)
		}
	}
	return named
}

// Started reports whether a child of that name was started, or is about to be.
func (cs *children) Started(name string) bool {
	for _, c := range cs.named(name) {
		if c.begun.Load() {
			return true
		}
	}
	return false
}

// Restart restarts the children of that name with the present environment.
func (cs *children) Restart(ctx context.Context, name string) error {
	return cs.each(name, func(c *child) error { return c.Restart(ctx) })
}

// Signal sends a signal to the child of that name, unless it would end the child.
func (cs *children) Signal(ctx context.Context, name string, sig syscall.Signal) error {
	return cs.each(name, func(c *child) error { return c.Tell(ctx, sig) })
}

// StopTimeout returns how long stopping the children of that name may take, one
// after the other.
func (cs *children) StopTimeout(name string) time.Duration {
	var sum time.Duration
	for _, c := range cs.named(name) {
		sum += c.config.KillTimeout
	}
	return sum
}

// CheckEnv returns an error if no child could be started with these values of variables.
func (cs *children) CheckEnv(values map[string]redact.Bytes) error {
	for _, c := range cs.all {
		if err := cs.fits(c.config.Command, values); err != nil {
			return err
		}
	}
	return nil
}

// Any reports whether there is a child.
func (cs *children) Any() bool { return len(cs.all) > 0 }

// each calls do with each child of that name. It fails with exec.ErrNotRunning
// only if none of them runs.
func (cs *children) each(name string, do func(*child) error) error {
	var errs []error
	absent := 0
	named := cs.named(name)
	for _, c := range named {
		err := do(c)
		if errors.Is(err, exec.ErrNotRunning) {
			absent++
			continue
		}
		errs = append(errs, err)
	}
	if absent == len(named) {
		return exec.ErrNotRunning
	}
	return errors.Join(errs...)
}

// stop stops all children at the same time, and kills them once hurry is closed. It
// returns the first exit code that is not 0, in the order of the configuration.
func (cs *children) stop(hurry <-chan struct{}) (code int) {
	codes := make([]int, len(cs.all))
	var all sync.WaitGroup
	for i, c := range cs.all {
		all.Go(func() { codes[i] = c.stop(hurry) })
	}
	all.Wait()
	return cmp.Or(codes...)
}

// Forwarded returns the signals that are forwarded to the children: all that can be
// caught, except those that certagent acts on itself. SIGHUP, which may be meant for
// either, is not among them.
func Forwarded() []os.Signal {
	own := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}
	return slices.DeleteFunc(exec.Forwardable(), func(sig os.Signal) bool { return slices.Contains(own, sig) })
}

// forwardSignals forwards the signals that certagent gets to the children, until
// ctx ends.
func (r *assembly) forwardSignals(ctx context.Context) error {
	defer r.children.reloads.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case sig := <-r.Signals:
			r.children.forward(ctx, sig)
		}
	}
}

func (cs *children) forward(ctx context.Context, sig os.Signal) {
	number, ok := sig.(syscall.Signal)
	if !ok {
		return
	}
	for _, c := range cs.all {
		if number == syscall.SIGHUP && !c.config.HUP.ToChild() {
			continue
		}
		to, send := exec.Rewrites(c.config.Signals).Of(number)
		if !send {
			continue
		}
		if number == syscall.SIGHUP { // it is meant to reload the child, not to end it
			cs.reload(ctx, c, to)
			continue
		}
		err := c.Signal(ctx, to)
		switch {
		case err == nil || ctx.Err() != nil:
		case errors.Is(err, exec.ErrNotRunning) && number == syscall.SIGTSTP:
			exec.Suspend() // as would have happened with a running child
		case !errors.Is(err, exec.ErrNotRunning):
			c.log.Warn(logmsg.SignalNotForwarded, logkey.Signal, exec.SignalName(to), logkey.Error, err)
		}
	}
}

const (
	// reloadPatience is how long a child that has just started may take to catch the
	// signal that reloads it, and reloadPause how often that is tried meanwhile.
	reloadPatience = 10 * time.Second
	reloadPause    = 200 * time.Millisecond
)

// reload sends a child the signal that reloads it, as soon as that would not end it.
// Several signals that come meanwhile are one.
func (cs *children) reload(ctx context.Context, c *child, sig syscall.Signal) {
	if c.hangups.Add(1) > 1 {
		return // it is seen below
	}
	cs.reloads.Go(func() { // ends with ctx
		for handled := int64(0); !c.hangups.CompareAndSwap(handled, 0); {
			handled = c.hangups.Load()
			if err := c.tellPatiently(ctx, sig); err != nil && !errors.Is(err, exec.ErrNotRunning) && ctx.Err() == nil {
				c.log.Warn(logmsg.SignalNotForwarded, logkey.Signal, exec.SignalName(sig), logkey.Error, err)
			}
		}
	})
}

// tellPatiently is Tell, for a child that may be starting.
func (c *child) tellPatiently(ctx context.Context, sig syscall.Signal) error {
	began := time.Now()
	for {
		err := c.Tell(ctx, sig)
		var held *exec.HeldError
		if !errors.As(err, &held) || time.Since(began) > reloadPatience {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(reloadPause):
		}
	}
}
