// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"testing"
	"time"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/plan"
)

// killTimeouts are children of whom only that is known, by name.
type killTimeouts struct {
	Children
	of map[string]time.Duration
}

func (k killTimeouts) StopTimeout(name string) time.Duration { return k.of[name] }

// How long a step may take is the sum of its time-outs, and grace.
func TestHowLongAStepMayTake(t *testing.T) {
	t.Parallel()
	const s = time.Second
	block := &config.Bundle{Check: &config.Check{Timeout: 30 * s}}
	owes := func(c config.Change) *Bundle {
		return &Bundle{
			env:       &Env{Children: killTimeouts{of: map[string]time.Duration{"b": 10 * s, EveryChild: 30 * s}}},
			reactions: []*reaction{{}, {Change: &c, key: "second"}},
			state:     plan.State{Published: plan.Publication{Pending: []plan.PendingChange{{}, {Key: "second"}}}},
		}
	}
	for _, c := range []struct {
		name string
		of   *Bundle
		step plan.Step
		want time.Duration
	}{
		{"rest", &Bundle{}, plan.Step{Do: plan.Rest}, recheck + Grace},
		{"render", &Bundle{}, plan.Step{Do: plan.Render}, Grace},
		{"publish", &Bundle{}, plan.Step{Do: plan.Publish}, Grace},
		{"stop", &Bundle{}, plan.Step{Do: plan.Stop}, Grace},
		{"check", &Bundle{block: block}, plan.Step{Do: plan.Check}, 30*s + checkKillTimeout + Grace},
		{"verify", &Bundle{}, plan.Step{Do: plan.Verify}, Grace}, // it only begins
		{"signal", owes(config.Change{Mode: config.Signal}), plan.Step{Do: plan.React, Index: 1}, Grace},
		{"restart of one", owes(config.Change{Mode: config.Restart, Exec: "b"}), plan.Step{Do: plan.React, Index: 1}, 2 * (10*s + Grace)},
		{"restart of all", owes(config.Change{Mode: config.Restart, Exec: EveryChild}), plan.Step{Do: plan.React, Index: 1}, 2 * (30*s + Grace)},
		{"command", owes(config.Change{Mode: config.Command, Timeout: 5 * s, KillTimeout: 2 * s}), plan.Step{Do: plan.React, Index: 1}, 2 * (7*s + Grace)},
		{"command that may hang", owes(config.Change{Mode: config.Command, KillTimeout: 2 * s}), plan.Step{Do: plan.React, Index: 1}, 0},
	} {
		if got := c.of.within(c.step); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
