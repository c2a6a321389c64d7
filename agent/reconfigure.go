// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"

	"github.com/certagent/certagent/agent/bundle"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// Reload is a configuration to change to while the agent runs.
type Reload struct {
	Config *config.Config
	// Done is called with nil when the agent has changed to it, or with the reason
	// why not: then nothing has changed. It must not block.
	Done func(error)
}

// reconfigure changes to each configuration that arrives.
func (r *assembly) reconfigure(ctx context.Context) error {
	index := r.members.Next() // the first that is free
	for {
		select {
		case <-ctx.Done():
			return nil
		case next := <-r.Reloads:
			next.Done(r.changeTo(ctx, next.Config, &index))
		}
	}
}

// changeTo stops and starts the templates and bundles that have changed. Unchanged
// ones and the children keep running, and what is still valid is not requested
// again.
func (r *assembly) changeTo(ctx context.Context, cfg *config.Config, index *int) error {
	if err := r.check(cfg, bundle.NewMembers(cfg, 0)); err != nil {
		return err
	}
	if names := fixed(r.Config, cfg); len(names) > 0 {
		r.Logger.Warn(logmsg.RestartNeeded, logkey.Block, names)
	}
	cfg.EnvTemplates = nil // they belong to the child
	all := bundle.NewMembers(cfg, *index)
	*index = all.Next()
	done := make(chan error, 1)
	select {
	case r.bundles.orders <- func(ctx context.Context) { done <- r.rearrange(ctx, all) }:
		return <-done
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fixed names the parts of a configuration that differ and cannot be changed
// while the agent runs.
func fixed(a, b *config.Config) (names []string) {
	for _, part := range []struct {
		name string
		same bool
	}{
		{"vault", config.Same(a.Vault, b.Vault)},
		{"auto_auth", config.Same(a.AutoAuth, b.AutoAuth)},
		{"env_template", config.Same(a.EnvTemplates, b.EnvTemplates)},
		{"template_config", config.Same(a.TemplateConfig, b.TemplateConfig)},
		{"exec", config.Same(a.Execs, b.Execs)},
		{"subreaper", a.Subreaper == b.Subreaper},
		{"stop_timeout", a.StopTimeout == b.StopTimeout},
		{"pid_file", a.PIDFile == b.PIDFile},
		{"exit_after_auth", a.ExitAfterAuth == b.ExitAfterAuth},
	} {
		if !part.same {
			names = append(names, part.name)
		}
	}
	return names
}

// rearrange stops the bundles that have changed, and starts those that replace
// them.
func (r *assembly) rearrange(ctx context.Context, all *bundle.Members) error {
	if err := all.Claim(&r.claims, r.Logger); err != nil {
		return err
	}
	var gone []*running
	for _, b := range r.bundles.all {
		if !all.Keep(b.Bundle) {
			gone = append(gone, b)
		}
	}
	for _, b := range gone {
		r.bundles.stop(b)
		all.TakeOverVariables(b.Bundle)
	}
	r.bundles.forget(gone...)
	r.progress.change(indexesOf(gone), all.Indexes())
	for _, b := range all.Form(ctx, r.env, &r.adopter) {
		b.FetchUnlessFresh() // before the old ones drop their answers
		r.bundles.start(ctx, b)
	}
	for _, b := range gone {
		b.Close()
	}
	if len(gone) == 0 && all.Len() == 0 {
		r.Logger.Info(logmsg.NothingChanged)
	} else {
		r.Logger.Info(logmsg.ConfigChanged, logkey.Stopped, len(gone), logkey.Started, all.Len())
	}
	return ctx.Err()
}

func indexesOf(bundles []*running) []int {
	var all []int
	for _, b := range bundles {
		all = append(all, b.Indexes()...)
	}
	return all
}
