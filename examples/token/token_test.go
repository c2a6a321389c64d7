// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/examples/internal/stage"
	"github.com/certagent/certagent/internal/harness"
)

// observed is a demonstration with all that its reader saw.
type observed struct {
	*demo
	tokens   []string // digests, in the order in which they were in the file
	commands []string // the digests with which the command ran
	lookUps  int
	renewals int           // of the token in the file
	left     time.Duration // at the last look-up
}

// observe makes a demonstration on a server. It is started and ends with the
// test.
func observe(t *testing.T, b harness.Backend, role seed.Params) *observed {
	t.Helper()
	o := &observed{demo: &demo{certagent: harness.CertagentStatic(t), role: role, vault: &stage.Vault{URL: b.URL, Client: b.Client}}}
	o.demo.observe = func(e event) {
		if e.kind == commandRan {
			o.commands = append(o.commands, e.digest)
			return
		}
		o.lookUps++
		switch {
		case len(o.tokens) == 0 || o.tokens[len(o.tokens)-1] != e.digest:
			o.tokens = append(o.tokens, e.digest)
		case e.left > o.left:
			o.renewals++
		}
		o.left = e.left
		if diff := cmp.Diff(map[string]any{"foo": "bar"}, e.meta); diff != "" {
			t.Errorf("meta: (-want +got)\n%s", diff)
		}
	}
	var err error
	if o.Stage, err = stage.New("token-test", files); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() && o.agent != nil {
			t.Logf("the agent logged:\n%s", o.agent.Log())
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := o.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return o
}

// A token that cannot live longer is replaced: Vault never refuses the one in
// the file, and the command runs once for each.
func TestTokenIsReplaced(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, b harness.Backend) {
		t.Parallel()
		o := observe(t, b, replaced(9*time.Second))
		o.rotations = 3
		if err := o.watch(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d look-ups of %d tokens, none refused", o.lookUps, len(o.tokens))
		if len(o.tokens) < 4 || len(slices.Compact(slices.Sorted(slices.Values(o.tokens)))) != len(o.tokens) {
			t.Errorf("tokens: %q", o.tokens)
		}
		if diff := cmp.Diff(o.tokens, o.commands); diff != "" {
			t.Errorf("the command did not run once for each token: (-tokens +runs)\n%s", diff)
		}
		if b.Dev != nil {
			if n := created(b); n != len(o.tokens) {
				t.Errorf("Vault was asked for %d tokens, and %d were in the file", n, len(o.tokens))
			}
		}
		o.checkSecrecy(t)
	})
}

// extended returns a role whose tokens live for another ttl after each renewal: the
// agent renews them, and the file does not change.
func extended(ttl time.Duration) seed.Params { return seed.Params{"token_period": ttl.String()} }

// A token that may live longer is renewed: the file stays as it is, and nothing
// runs.
func TestTokenIsRenewed(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, b harness.Backend) {
		t.Parallel()
		o := observe(t, b, extended(6*time.Second))
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
		defer stop()
		see := o.demo.observe
		o.demo.observe = func(e event) {
			if see(e); o.renewals == 3 {
				stop()
			}
		}
		if err := o.watch(ctx); err != context.Canceled {
			t.Fatalf("%v after %d renewals", err, o.renewals)
		}
		t.Logf("%d look-ups, %d renewals", o.lookUps, o.renewals)
		if len(o.tokens) != 1 || len(o.commands) != 1 {
			t.Errorf("%d tokens, %d runs of the command, want one of each", len(o.tokens), len(o.commands))
		}
	})
}

// created counts how often a dev server was asked for a token.
func created(b harness.Backend) int {
	n := 0
	for _, r := range b.Dev.Requests() {
		if strings.HasSuffix(r.Path, "auth/token/create/api-admin") {
			n++
		}
	}
	return n
}

// checkSecrecy fails the test if others may read the token or if it is in the
// agent's log.
func (o *observed) checkSecrecy(t *testing.T) {
	t.Helper()
	info, err := os.Stat(o.Path("api-token"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	token, err := os.ReadFile(o.Path("api-token"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(o.agent.Log(), string(token)) {
		t.Error("the token is in the agent's log")
	}
}
