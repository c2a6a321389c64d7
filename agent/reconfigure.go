// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"slices"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// Reload is a configuration to change to while the agent runs.
type Reload struct {
	Config *config.Config
	// Done is told when the agent has changed to it, or why it has not: then all
	// stays as it was. It must not block.
	Done func(error)
}

// reconfigure changes to other configurations as they come.
func (r *assembly) reconfigure(ctx context.Context) error {
	index := r.members.count // the first that is free
	for {
		select {
		case <-ctx.Done():
			return nil
		case next := <-r.Reloads:
			next.Done(r.changeTo(ctx, next.Config, &index))
		}
	}
}

// changeTo has what has changed among templates and bundles stop, and begin anew.
// What is as it was goes on undisturbed, and so does the child; what is still
// valid is not asked for again.
func (r *assembly) changeTo(ctx context.Context, cfg *config.Config, index *int) error {
	if names := fixed(r.Config, cfg); len(names) > 0 {
		r.Logger.Warn(logmsg.RestartNeeded, logkey.Block, names)
	}
	cfg.EnvTemplates = nil // they belong to the child
	all, err := newMembers(cfg, *index)
	if err != nil {
		return err
	}
	*index = all.count
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

// rearrange stops the bundles of which something has changed, and starts what
// takes their place.
func (r *assembly) rearrange(ctx context.Context, all *members) error {
	if err := r.claim(all); err != nil {
		return err
	}
	var gone []*running
	for _, b := range r.bundles.all {
		if !all.keep(b.bundle) {
			gone = append(gone, b)
		}
	}
	for _, b := range gone {
		r.bundles.stop(b)
		all.takeOverVariables(b.bundle)
	}
	r.bundles.forget(gone...)
	r.progress.change(indexesOf(gone), all.indexes())
	for _, b := range r.form(ctx, all) {
		if b.facts.FreshUntil.IsZero() {
			b.fetch() // before the old ones let go of what they were answered
		}
		r.bundles.start(ctx, b)
	}
	for _, b := range gone {
		b.close()
	}
	r.Logger.Info(logmsg.ConfigChanged, logkey.Stopped, len(gone), logkey.Started, len(all.templates)+len(all.blocks))
	return ctx.Err()
}

// keep says whether a bundle is as the configuration has it, and if so, takes its
// members out of those that are to be started.
func (m *members) keep(b *bundle) bool {
	if b.block != nil {
		at := slices.IndexFunc(m.blocks, func(c block) bool { return config.Same(c.config, b.block) })
		if at < 0 {
			return false
		}
		m.blocks = slices.Delete(m.blocks, at, at+1)
		return true
	}
	var places []int
	for _, t := range b.templates {
		if t.config == nil { // variables stay what they are
			continue
		}
		at := slices.IndexFunc(m.templates, func(o *templateMember) bool { return o.config != nil && config.Same(*o.config, *t.config) })
		if at < 0 {
			return false
		}
		places = append(places, at)
	}
	slices.Sort(places)
	for _, at := range slices.Backward(places) {
		m.templates = slices.Delete(m.templates, at, at+1)
		m.reactions = slices.Delete(m.reactions, at, at+1)
	}
	return true
}

// takeOverVariables has the variables of a bundle that is gone be rendered by one
// of those that are started.
func (m *members) takeOverVariables(b *bundle) {
	for i, t := range b.templates {
		if t.variable != "" {
			m.templates = append(m.templates, t)
			m.reactions = append(m.reactions, b.reactions[i])
		}
	}
}

// indexes are those of all members.
func (m *members) indexes() []int {
	var all []int
	for _, t := range m.templates {
		all = append(all, t.index)
	}
	for _, b := range m.blocks {
		for _, t := range b.templates {
			all = append(all, t.index)
		}
		for _, c := range b.certificates {
			all = append(all, c.index)
		}
	}
	return all
}

func indexesOf(bundles []*running) []int {
	var all []int
	for _, b := range bundles {
		all = append(all, b.indexes()...)
	}
	return all
}
