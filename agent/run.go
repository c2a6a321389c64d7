// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"errors"
	"sync"

	"github.com/certagent/certagent/agent/bundle"
	"github.com/certagent/certagent/agent/client"
	"github.com/certagent/certagent/exec"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// run starts the parts, waits for the stop, and stops them in order: the children
// first, while their files are still renewed.
func (r *assembly) run(ctx context.Context) error {
	defer r.claims.Close()
	if err := r.members.Claim(&r.claims, r.Logger); err != nil {
		return exitFailure(err)
	}
	r.setSubreaper() // before the first process is started
	initial := r.members.Form(ctx, r.env, &r.adopter)
	if !r.end.begin(ctx, r.board.steps) {
		return r.end.outcome(ctx)
	}
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()

	var parts sync.WaitGroup
	start := func(name string, run func(context.Context) error) {
		leave := r.end.enter(name)
		parts.Go(func() {
			defer leave()
			if err := run(work); err != nil && work.Err() == nil {
				r.fail(err)
			}
		})
	}
	start("the watcher of files", r.watcher.Run)
	start("the store of secrets", r.store.Run)
	start("the login", r.runLogin)
	start("the bundles' manager", func(ctx context.Context) error { r.bundles.run(ctx, initial); return nil })
	start("a reload", r.reconfigure)
	for _, s := range r.sinks {
		start("a token sink", func(ctx context.Context) error { s.run(ctx); return nil })
	}
	if r.Running != nil {
		r.Running(&Handle{assembly: r, run: ctx})
	}
	start("the watch over expiry", r.watchExpiry)
	start("the look-up of addresses", r.checkAddresses)
	start("the announcement", r.announce)
	if r.Config.ExitAfterAuth {
		start("the end of the one-shot run", r.finish)
		if r.Timeout > 0 {
			start("the time-out of the one-shot run", r.giveUp)
		}
	}
	for _, c := range r.children.all {
		start("the supervisor of "+bundle.ChildName(c.config.Name), func(ctx context.Context) error { return c.run(ctx, r.progress.published.reached) })
	}
	start("the forwarding of signals", r.forwardSignals)
	start("the reaping of orphans", r.reap)

	<-ctx.Done()
	if r.Stopping != nil {
		r.Stopping()
	}
	r.end.childrenStopped(r.children.stop(r.Hurry))
	stopWork()
	parts.Wait()
	exec.CloseOutputs()
	r.revoke()
	client.Release(r.client)
	if r.login.LoginClient != nil {
		client.Release(r.login.LoginClient)
	}
	return r.end.outcome(ctx)
}

// setSubreaper makes this process a child subreaper, see prctl(2), if it is
// configured, or if it has children, of which it has to see that they go into the
// background.
func (r *assembly) setSubreaper() {
	if !r.Config.Subreaper && !(r.AdoptOrphans && r.children.Any()) {
		return
	}
	if err := exec.SetSubreaper(); err != nil && r.Config.Subreaper {
		r.Logger.Warn(logmsg.SubreaperFailed, logkey.Error, err)
	}
}

// reap reaps orphans, if this process is the init process or a subreaper.
func (r *assembly) reap(ctx context.Context) error {
	if err := exec.NewReaper(r.Logger).Run(ctx); err != nil && !errors.Is(err, exec.ErrNoOrphans) {
		return err
	}
	return nil
}

// runLogin runs the login loop, which fails only if exit_on_err is set.
func (r *assembly) runLogin(ctx context.Context) error {
	if err := r.login.Run(ctx); err != nil {
		return &Failure{Code: ExitAuth, Err: err}
	}
	return nil
}

// announce logs once that everything is published, and calls Ready. Without
// members it waits for the token sinks instead.
func (r *assembly) announce(ctx context.Context) error {
	waits := []<-chan struct{}{r.progress.published.reached, r.progress.ready.reached}
	if r.members.Next() == 0 {
		waits = r.sinksWritten()
	}
	if !waitFor(ctx, waits) {
		return nil
	}
	if r.members.Next() > 0 {
		r.Logger.Info(logmsg.AllPublished)
	}
	if r.Ready != nil {
		r.Ready()
	}
	r.board.announce()
	close(r.announced)
	return nil
}

func (r *assembly) sinksWritten() []<-chan struct{} {
	var written []<-chan struct{}
	for _, s := range r.sinks {
		written = append(written, s.written)
	}
	return written
}

// waitFor waits until all channels are closed. It returns false if ctx ends before.
func waitFor(ctx context.Context, all []<-chan struct{}) bool {
	for _, done := range all {
		select {
		case <-done:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
