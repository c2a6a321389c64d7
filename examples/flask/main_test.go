// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/certagent/certagent/examples/internal/stage"
	"github.com/certagent/certagent/examples/internal/stagetest"
	"github.com/certagent/certagent/internal/harness"
)

func TestMain(m *testing.M) { stagetest.Main(m, main) }

// requireFlask skips the test where there is no Flask, or fails it if that is
// required.
func requireFlask(t *testing.T) {
	t.Helper()
	if err := checkFlask(t.Context(), python); err != nil {
		harness.Missing(t, "%v", err)
	}
}

// startDemo starts all of the demonstration. It ends with the test.
func startDemo(t *testing.T) *demo {
	t.Helper()
	requireFlask(t)
	d := &demo{certagent: harness.CertagentStatic(t), observe: func(event) {}}
	var err error
	if d.Stage, err = stage.New("flask-test", files); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for name, agent := range d.agents {
				t.Logf("agent %s logged:\n%s", name, agent.Log())
			}
		}
		if err := d.end(); err != nil {
			t.Error(err)
		}
	})
	if err := d.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	watched := make(chan error)
	go func() { watched <- d.watch(t.Context()) }()
	t.Cleanup(func() {
		if err := <-watched; err != t.Context().Err() { // which has ended by now
			t.Errorf("the demonstration ended: %v", err)
		}
	})
	return d
}

func TestConfigurations(t *testing.T) {
	stagetest.Validate(t, "agent-a.hcl", "agent-b.hcl")
	a, err := os.ReadFile("agent-a.hcl")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("agent-b.hcl")
	if err != nil {
		t.Fatal(err)
	}
	twin := strings.NewReplacer("a.example.test", "b.example.test", "Service a's", "Service b's", "service a as", "service b as",
		`"a/`, `"b/`, `"a"`, `"b"`).Replace(string(a))
	if twin != string(b) {
		t.Errorf("agent-b.hcl is not agent-a.hcl for b, but:\n%s", b)
	}
}

func TestNoFlask(t *testing.T) {
	err := checkFlask(t.Context(), "/bin/false")
	if err == nil || !strings.Contains(err.Error(), "scripts/install flask") {
		t.Errorf("where Flask is missing the error is %v", err)
	}
}
