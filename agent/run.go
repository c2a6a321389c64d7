// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"

	"github.com/certagent/certagent/agent/client"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/sinks"
)

// run starts the parts, waits for the end, and ends them in order: the child
// first, while its files are still looked after.
func (r *assembly) run(ctx context.Context) error {
	claim, err := r.claim()
	if err != nil {
		return err
	}
	defer claim.Close()
	initial := r.form(ctx, r.recover(ctx))
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()

	var parts sync.WaitGroup
	start := func(run func(context.Context) error) {
		parts.Go(func() {
			if err := run(work); err != nil && work.Err() == nil {
				r.fail(err)
			}
		})
	}
	start(r.watcher.Run)
	start(r.store.Run)
	start(r.runLogin)
	start(func(ctx context.Context) error { newBundles(len(r.members)).run(ctx, initial); return nil })
	for _, s := range r.sinks {
		start(func(ctx context.Context) error { s.run(ctx); return nil })
	}
	start(r.announce)
	if r.Config.ExitAfterAuth {
		start(r.finish)
	}
	if r.child != nil {
		start(func(ctx context.Context) error { return r.child.run(ctx, r.progress.published.reached) })
	}

	<-ctx.Done()
	if r.child != nil {
		r.child.stop(r.Hurry)
	}
	stopWork()
	parts.Wait()
	client.Release(r.client)
	if r.login.LoginClient != nil {
		client.Release(r.login.LoginClient)
	}
	return outcome(ctx)
}

// errFinished ends a one-shot run.
var errFinished = errors.New("everything is done")

// outcome turns what ended the context into what Run returns.
func outcome(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, errFinished) || errors.Is(cause, context.Canceled) {
		return nil
	}
	return cause
}

// runLogin runs the login loop. That it ends by itself means that exit_on_err
// is set.
func (r *assembly) runLogin(ctx context.Context) error {
	if err := r.login.Run(ctx); err != nil {
		return &Failure{Code: ExitAuth, Err: err}
	}
	return nil
}

// announce says once that everything is published; without templates, that the
// token is written.
func (r *assembly) announce(ctx context.Context) error {
	waits := []<-chan struct{}{r.progress.published.reached}
	if len(r.members) == 0 {
		waits = r.sinksWritten()
	}
	if !waitFor(ctx, waits) {
		return nil
	}
	if len(r.members) > 0 {
		r.Logger.Info("every bundle is published")
	}
	if r.Ready != nil {
		r.Ready()
	}
	return nil
}

// finish ends a one-shot run once every sink is written and every bundle is
// published with nothing owed.
func (r *assembly) finish(ctx context.Context) error {
	if !waitFor(ctx, append(r.sinksWritten(), r.progress.settled.reached)) {
		return nil
	}
	return errFinished
}

func (r *assembly) sinksWritten() []<-chan struct{} {
	var written []<-chan struct{}
	for _, s := range r.sinks {
		written = append(written, s.written)
	}
	return written
}

// waitFor returns true when all channels are closed, and false when ctx ends.
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

// claim keeps a second agent away from our destinations. That a directory
// cannot be written to now is no reason not to start: publishing will say so
// until it can.
func (r *assembly) claim() (*sinks.Claim, error) {
	var files []sinks.File
	for _, m := range r.members {
		if m.variable == "" {
			files = append(files, m.file)
		}
	}
	claim, err := sinks.ClaimDestinations(files)
	switch {
	case errors.Is(err, sinks.ErrClaimed):
		return nil, &Failure{Code: ExitPublish, Err: err}
	case err != nil:
		r.Logger.Warn("nothing keeps a second agent from publishing to the same files", logkey.Error, err)
		return new(sinks.Claim), nil
	}
	return claim, nil
}

// recover completes or rolls back what a crash left in the destinations'
// directories, and returns what is recorded, by name.
func (r *assembly) recover(ctx context.Context) map[string]sinks.Record {
	var dirs []string
	for _, m := range r.members {
		if m.variable == "" {
			dirs = append(dirs, filepath.Dir(m.file.Path))
		}
	}
	slices.Sort(dirs)
	records, err := sinks.Recover(ctx, slices.Compact(dirs))
	if err != nil {
		r.Logger.Warn("clearing up after an earlier run", logkey.Error, err)
	}
	byName := make(map[string]sinks.Record, len(records))
	for _, record := range records {
		byName[record.Name] = record
	}
	return byName
}

// form makes the bundles, as far as it is known beforehand which templates
// share a secret.
func (r *assembly) form(ctx context.Context, records map[string]sinks.Record) []*bundle {
	requests := make([][]secrets.Request, len(r.members))
	for i, m := range r.members {
		if err := m.load(); err != nil {
			continue // the bundle's first rendering says what is wrong
		}
		requests[i] = m.firstRequests()
		r.adopter.know(m, requests[i])
	}
	var all []*bundle
	for _, indexes := range group(requests) {
		var members []*member
		var asked []secrets.Request
		for _, i := range indexes {
			members = append(members, r.members[i])
			asked = append(asked, requests[i]...)
		}
		b := newBundle(r.parts, members, asked)
		b.resume(ctx, records[recordName(members)])
		all = append(all, b)
	}
	return all
}

// firstRequests returns what the template asks for before it was answered
// anything. It is executed for that only if its text does not tell.
func (m *member) firstRequests() []secrets.Request {
	if requests := m.template.Requests(); len(requests) > 0 {
		return secretsRequests(requests)
	}
	result, _ := m.template.Execute(nothing{}) // its failure is met again when it is rendered
	return secretsRequests(result.Missing)
}
