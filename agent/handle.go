// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/certagent/certagent/agent/bundle"
	"github.com/certagent/certagent/agent/status"
)

// Handle gives access to a running agent. It may be used from any goroutine, also
// after the agent has ended.
type Handle struct {
	assembly *assembly
	run      context.Context // ends when the stop begins
}

// Status returns the present status.
func (h *Handle) Status() status.Agent { return h.assembly.board.status() }

// Changed returns a channel that receives when Status has changed since the last
// receive. It has one slot, for one reader.
func (h *Handle) Changed() <-chan struct{} { return h.assembly.board.changed }

// Alive returns an error that names a loop of the agent which is stuck. The bundles'
// manager, the store of secrets and the supervisors of the children have to answer
// before ctx ends. The login and the bundles may be busy for as long as their
// time-outs add up to; their heartbeat must not be overdue. Once the stop has begun
// Alive returns nil.
func (h *Handle) Alive(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.run, cancel)()
	err := h.assembly.missing(ctx)
	if h.run.Err() != nil {
		return nil
	}
	return err
}

func (r *assembly) missing(ctx context.Context) error {
	type loop struct {
		name string
		ask  func(context.Context) error
	}
	loops := []loop{{"the bundles' manager", r.bundles.alive}, {"the store of secrets", r.store.Alive}}
	for _, c := range r.children.all {
		loops = append(loops, loop{"the supervisor of " + bundle.ChildName(c.config.Name), c.alive})
	}
	for _, l := range loops {
		if err := l.ask(ctx); err != nil {
			return fmt.Errorf("no heartbeat from %s: %w", l.name, err)
		}
	}
	return r.board.missing(time.Now())
}

// alive returns nil as soon as the loop answers.
func (bs *bundles) alive(ctx context.Context) error {
	select {
	case bs.pings <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// alive returns nil as soon as the child's loop answers, or if it has ended.
func (c *child) alive(ctx context.Context) error {
	const null = syscall.Signal(0) // sends nothing, see kill(2)
	_ = c.Signal(ctx, null)        // any answer will do
	return ctx.Err()
}
