// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"slices"
	"sync"

	"github.com/certagent/certagent/agent/bundle"
	"github.com/certagent/certagent/vaultreq"
)

// bundles is the manager that runs the bundles' loops. It knows which bundle makes
// which requests, and merges bundles that turn out to share one: the requests of a
// template may depend on earlier answers.
type bundles struct {
	board  *statusBoard
	all    []*running // the loop's own
	orders chan func(context.Context)
	pings  chan struct{} // unbuffered: a send succeeds while the loop is alive
	wg     sync.WaitGroup

	mu     sync.Mutex
	users  map[vaultreq.Request][]*running
	merges []merging
	merge  chan struct{} // one slot: there is something in merges
}

// running is a bundle whose loop runs.
type running struct {
	*bundle.Bundle
	halt       context.CancelFunc
	done       chan struct{}
	mergedInto *running // nil until the bundle is merged
}

// merging is a request to merge two bundles.
type merging struct{ a, b *running }

func newBundles(board *statusBoard) *bundles {
	return &bundles{
		board: board,
		users: make(map[vaultreq.Request][]*running), merge: make(chan struct{}, 1),
		orders: make(chan func(context.Context)), pings: make(chan struct{}),
	}
}

// run starts the bundles, merges them on request, and executes orders, until ctx
// ends.
func (bs *bundles) run(ctx context.Context, initial []*bundle.Bundle) {
	defer bs.wg.Wait()
	for _, b := range initial {
		bs.start(ctx, b)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-bs.merge:
			for _, m := range bs.takeMerges() {
				bs.join(ctx, m.a.now(), m.b.now())
			}
		case order := <-bs.orders:
			order(ctx)
		case <-bs.pings:
		}
	}
}

// now returns the bundle that r was merged into, or r.
func (r *running) now() *running {
	for r.mergedInto != nil {
		r = r.mergedInto
	}
	return r
}

// stop ends a bundle's loop; the bundle keeps its subscriptions. Meanwhile it
// answers pings: the manager is alive even if the bundle takes its time.
func (bs *bundles) stop(r *running) {
	r.halt()
	for {
		select {
		case <-r.done:
			return
		case <-bs.pings:
		}
	}
}

func (bs *bundles) start(ctx context.Context, b *bundle.Bundle) *running {
	ctx, halt := context.WithCancel(ctx)
	r := &running{Bundle: b, halt: halt, done: make(chan struct{})}
	b.ClaimWith(func(requests []vaultreq.Request, binds func(vaultreq.Request) bool) bool {
		return bs.claim(r, requests, binds)
	})
	bs.all = append(bs.all, r)
	bs.wg.Go(func() {
		defer close(r.done)
		defer halt()
		defer bs.board.remove(b)
		b.Run(ctx)
	})
	return r
}

// claim records that a bundle makes the requests. If another bundle makes one of
// them already, and neither is loose or the request binds, it asks for a merge and
// returns false; the caller's loop then ends.
func (bs *bundles) claim(r *running, requests []vaultreq.Request, binds func(vaultreq.Request) bool) bool {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	apart := true
	for _, request := range requests {
		for _, other := range bs.users[request] {
			if other == r || (r.Loose() || other.Loose()) && !binds(request) {
				continue
			}
			bs.merges, apart = append(bs.merges, merging{r, other}), false
			select {
			case bs.merge <- struct{}{}:
			default:
			}
		}
		if !slices.Contains(bs.users[request], r) {
			bs.users[request] = append(bs.users[request], r)
		}
	}
	return apart
}

func (bs *bundles) takeMerges() []merging {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	merges := bs.merges
	bs.merges = nil
	return merges
}

// restart starts a loop again that ended for a merge which did not happen.
func (bs *bundles) restart(ctx context.Context, r *running) {
	select {
	case <-r.done:
		bs.forget(r)
		r.mergedInto = bs.start(ctx, r.Bundle)
	default: // it still runs
	}
}

// forget removes bundles whose loops have ended.
func (bs *bundles) forget(gone ...*running) {
	bs.all = slices.DeleteFunc(bs.all, func(r *running) bool { return slices.Contains(gone, r) })
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for request, users := range bs.users {
		users = slices.DeleteFunc(users, func(r *running) bool { return slices.Contains(gone, r) })
		if bs.users[request] = users; len(users) == 0 {
			delete(bs.users, request)
		}
	}
}

// join replaces two bundles by one. The new one subscribes to the secrets of both
// before the old ones drop theirs, so that nothing is issued twice.
func (bs *bundles) join(ctx context.Context, a, b *running) {
	switch aLives, bLives := slices.Contains(bs.all, a), slices.Contains(bs.all, b); {
	case a == b:
		return
	case !aLives || !bLives: // an order has stopped the other one
		for _, r := range []*running{a, b} {
			if slices.Contains(bs.all, r) {
				bs.restart(ctx, r)
			}
		}
		return
	}
	bs.stop(a)
	bs.stop(b)
	if a.Order() > b.Order() {
		a, b = b, a
	}
	merged := a.Merge(ctx, b.Bundle)
	bs.forget(a, b)
	r := bs.start(ctx, merged)
	a.mergedInto, b.mergedInto = r, r
	a.Close()
	b.Close()
}
