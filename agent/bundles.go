// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"sync"

	"github.com/certagent/certagent/agent/secrets"
)

// bundles runs the bundles' loops. It knows which bundle asks for what, and
// merges bundles that turn out to share a secret: what a template asks for in
// the end may depend on what it was answered before.
type bundles struct {
	mu    sync.Mutex
	owner map[secrets.Request]*running
	merge chan merging
	wg    sync.WaitGroup
}

// running is a bundle whose loop runs.
type running struct {
	*bundle
	stop       context.CancelFunc
	done       chan struct{}
	mergedInto *running // nil as long as the bundle is its own
}

// merging asks for two bundles to become one.
type merging struct{ a, b *running }

func newBundles(members int) *bundles {
	// A bundle asks at most twice, when it starts and before its loop ends, and
	// merging makes fewer bundles than there were.
	return &bundles{owner: make(map[secrets.Request]*running), merge: make(chan merging, 4*members)}
}

// run starts the bundles and merges them as they ask for it, until ctx ends.
func (bs *bundles) run(ctx context.Context, initial []*bundle) {
	defer bs.wg.Wait()
	for _, b := range initial {
		bs.start(ctx, b)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-bs.merge:
			bs.join(ctx, m.a.now(), m.b.now())
		}
	}
}

// now follows a bundle to the one that it was merged into.
func (r *running) now() *running {
	for r.mergedInto != nil {
		r = r.mergedInto
	}
	return r
}

func (bs *bundles) start(ctx context.Context, b *bundle) *running {
	ctx, stop := context.WithCancel(ctx)
	r := &running{bundle: b, stop: stop, done: make(chan struct{})}
	b.claim = func(requests []secrets.Request) bool { return bs.claim(r, requests) }
	if b.block != nil { // it stays what it was written as
		b.claim = func([]secrets.Request) bool { return true }
	}
	b.claim(b.wanted)
	bs.wg.Go(func() {
		defer close(r.done)
		defer stop()
		b.run(ctx)
	})
	return r
}

// claim notes that a bundle asks for the requests. It returns false if another
// one does so already, and has the two merged; the loop of the one that called
// ends then.
func (bs *bundles) claim(r *running, requests []secrets.Request) bool {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, request := range requests {
		other := bs.owner[request]
		if other != nil && other != r {
			bs.merge <- merging{r, other}
			return false
		}
		bs.owner[request] = r
	}
	return true
}

// join makes one bundle of two. The new one wants the secrets of both before
// the old ones let go of them: nothing is issued twice.
func (bs *bundles) join(ctx context.Context, a, b *running) {
	if a == b {
		return
	}
	for _, r := range []*running{a, b} {
		r.stop()
		<-r.done
	}
	if a.templates[0].index > b.templates[0].index {
		a, b = b, a
	}
	merged := a.absorb(ctx, b.bundle)
	bs.mu.Lock()
	for request, r := range bs.owner {
		if r == a || r == b {
			delete(bs.owner, request)
		}
	}
	bs.mu.Unlock()
	r := bs.start(ctx, merged)
	a.mergedInto, b.mergedInto = r, r
	a.close()
	b.close()
}
