// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/agent/render"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/sinks"
)

// errRegroup says that the bundle shares a secret with another one, and that
// both are to be merged into one.
var errRegroup = errors.New("the bundle shares a secret with another one")

// render executes the templates with the answers at hand, inspects the outcome
// and compares it with what is on disk. When a template asks for something new
// the bundle goes on waiting.
func (b *bundle) render(ctx context.Context) error {
	b.pending = nil
	b.facts.Content = plan.Unknown
	source := newSource(ctx, func(r secrets.Request) (*secrets.Answer, bool) {
		answer, _ := b.secrets.Get(r)
		return answer, answer != nil
	})
	generation, asked, again, err := b.execute(source)
	if again { // a file that is watched only from now on may have changed meanwhile
		return b.render(ctx)
	}
	if !b.claim(asked) {
		return errRegroup
	}
	if err != nil || generation == nil {
		b.want(append(asked, b.wanted...))
		return err
	}
	b.want(asked)
	now := time.Now().Round(0)
	if err := generation.inspect(now); err != nil {
		return err
	}
	content, differs, err := generation.compare(len(b.members), b.child)
	if err != nil {
		return err
	}
	for request, answer := range source.seen {
		b.noticed[request] = answer.Version
	}
	b.rendered = true
	b.facts.Stale, b.facts.Quiet = false, plan.Quiet{}
	b.facts.Content = content
	b.pending, b.differs = generation, differs
	b.memo = b.remember(source, generation)
	if content == plan.Same {
		b.settle(ctx)
	}
	return nil
}

// execute renders every member. The generation is nil as long as something is
// missing; a member that fails does not keep the others from asking.
func (b *bundle) execute(source *source) (g *generation, asked []secrets.Request, again bool, err error) {
	g = new(generation)
	var inputs []string
	var errs []error
	missing := false
	for place, m := range b.members {
		if m.source != "" {
			inputs = append(inputs, m.source)
		}
		result, err := m.execute(source)
		asked = append(asked, secretsRequests(result.Used)...)
		inputs = append(inputs, result.Inputs...)
		missing = missing || len(result.Missing) > 0
		if err == nil && len(result.Missing) == 0 {
			err = g.take(place, m, result)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("template %q: %w", m.name, err))
		}
	}
	again = b.inputs.Set(inputs)
	asked = unique(asked)
	if missing || len(errs) > 0 {
		return nil, asked, again, errors.Join(errs...)
	}
	return g, asked, again, nil
}

func (m *member) execute(source render.Source) (render.Result, error) {
	if m.template == nil {
		if err := m.load(); err != nil {
			return render.Result{}, err
		}
	}
	return m.template.Execute(source)
}

// take adds what a member rendered, with the owners looked up.
func (g *generation) take(place int, m *member, result render.Result) error {
	uid, gid, err := m.owner.ids()
	if err != nil {
		return err
	}
	m.file.UID, m.file.GID = uid, gid
	g.add(place, m, result.Output)
	for _, w := range result.Written {
		uid, gid, err := owner{w.User, w.Group}.ids()
		if err != nil {
			return fmt.Errorf("writeToFile %q: %w", w.Path, err)
		}
		path, err := writtenPath(w.Path)
		if err != nil {
			return err
		}
		g.addFile(place, sinks.File{Path: path, Content: w.Content, Mode: w.Perms, UID: uid, GID: gid, CreateDirs: true})
	}
	return nil
}

// want tells the store what the bundle needs.
func (b *bundle) want(requests []secrets.Request) {
	requests = unique(requests)
	if slices.Equal(requests, b.wanted) {
		return
	}
	b.wanted = requests
	b.secrets.Want(requests)
	b.facts.Missing = 0
	for _, request := range requests {
		if answer, _ := b.secrets.Get(request); answer == nil {
			b.facts.Missing++
		}
	}
}

// unique drops what comes twice and keeps the order.
func unique(requests []secrets.Request) []secrets.Request {
	seen := make(map[secrets.Request]bool, len(requests))
	return slices.DeleteFunc(requests, func(r secrets.Request) bool {
		twice := seen[r]
		seen[r] = true
		return twice
	})
}
