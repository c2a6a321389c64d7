// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
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
)

// children are the programs of the exec blocks, with the variables that the
// env_templates rendered for them.
type children struct {
	environment
	all []*child
}

// everyChild, in place of a name, means those that restart when their variables
// change. No exec block can have that name.

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

// chosen are the children that a change to the named one is about.
func (cs *children) chosen(name string) []*child {
	var chosen []*child
	for _, c := range cs.all {
		if c.config.Name == name || name == bundle.EveryChild && c.config.Restart {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

// Started says whether one of the chosen children was started, or is about to be.
func (cs *children) Started(name string) bool {
	for _, c := range cs.chosen(name) {
		if c.begun.Load() {
			return true
		}
	}
	return false
}

// Restart restarts the chosen children with the present environment.
func (cs *children) Restart(ctx context.Context, name string) error {
	return cs.each(name, func(c *child) error { return c.Restart(ctx) })
}

// Signal signals the chosen child.
func (cs *children) Signal(ctx context.Context, name string, sig syscall.Signal) error {
	return cs.each(name, func(c *child) error { return c.Signal(ctx, sig) })
}

// StopTimeout returns how long stopping the children of that name may take, one
// after the other.
func (cs *children) StopTimeout(name string) time.Duration {
	var sum time.Duration
	for _, c := range cs.chosen(name) {
		sum += c.config.KillTimeout
	}
	return sum
}

// Any reports whether there is a child.
func (cs *children) Any() bool { return len(cs.all) > 0 }

// each does something to all chosen children. That some of them do not run is no
// failure, if others do.
func (cs *children) each(name string, do func(*child) error) error {
	var errs []error
	absent := 0
	chosen := cs.chosen(name)
	for _, c := range chosen {
		err := do(c)
		if errors.Is(err, exec.ErrNotRunning) {
			absent++
			continue
		}
		errs = append(errs, err)
	}
	if absent == len(chosen) {
		return exec.ErrNotRunning
	}
	return errors.Join(errs...)
}

// stop ends all children at the same time; they are killed at once when hurry is
// closed.
func (cs *children) stop(hurry <-chan struct{}) {
	var all sync.WaitGroup
	for _, c := range cs.all {
		all.Go(func() { c.stop(hurry) })
	}
	all.Wait()
}

// HandedOn are the signals that are a child's and not certagent's: all that can be
// caught but those that mean something to certagent itself. SIGHUP may be both.
func HandedOn() []os.Signal {
	own := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}
	return slices.DeleteFunc(exec.Forwardable(), func(sig os.Signal) bool { return slices.Contains(own, sig) })
}

// passOn hands signals that certagent gets on to the children, until ctx ends.
func (r *assembly) passOn(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case sig := <-r.Signals:
			r.children.pass(ctx, sig)
		}
	}
}

func (cs *children) pass(ctx context.Context, sig os.Signal) {
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
		err := c.Signal(ctx, to)
		switch {
		case err == nil || ctx.Err() != nil:
		case errors.Is(err, exec.ErrNotRunning) && number == syscall.SIGTSTP:
			exec.Suspend() // a running child would have stopped, and we with it
		case !errors.Is(err, exec.ErrNotRunning):
			c.log.Warn(logmsg.SignalNotForwarded, logkey.Signal, exec.SignalName(to), logkey.Error, err)
		}
	}
}
