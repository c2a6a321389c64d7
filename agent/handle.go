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

// Handle is what others have of a running agent. It may be used from any
// goroutine, and when the agent has ended, too.
type Handle struct {
	assembly *assembly
	run      context.Context // ends when the stop begins
}

// Status is what is known now.
func (h *Handle) Status() status.Agent { return h.assembly.board.status() }

// Changed fires when Status has changed since the last time. It has one slot, for
// one reader.
func (h *Handle) Changed() <-chan struct{} { return h.assembly.board.changed }

// Alive asks the agent's loops for a sign of life: the bundles' manager, the store
// of secrets and the children each have to answer before ctx ends. The login and the
// bundles may be busy rightly: each has said until when at most, by the sum of its
// time-outs. The error names the loop that gives no sign. Once the stop has begun
// it is nil, for how long that may take is for others to say.
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
			return fmt.Errorf("%s gives no sign of life: %w", l.name, err)
		}
	}
	return r.board.missing(time.Now())
}

// alive returns nil as soon as the loop gives a sign of life.
func (bs *bundles) alive(ctx context.Context) error {
	select {
	case bs.pings <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// alive returns nil as soon as the child's loop gives a sign of life, or if it has
// ended.
func (c *child) alive(ctx context.Context) error {
	const ask = syscall.Signal(0) // nobody is signalled, see kill(2)
	_ = c.Signal(ctx, ask)        // whatever it answers: it does
	return ctx.Err()
}
