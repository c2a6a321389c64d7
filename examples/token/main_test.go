// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/certagent/certagent/examples/internal/stagetest"
)

// certagent is the program under test.
var certagent string

func TestMain(m *testing.M) {
	if stagetest.IsMain() {
		main()
	}
	var remove func()
	var err error
	if certagent, remove, err = stagetest.Build(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		remove()
		os.Exit(code)
	}))
}

func TestConfiguration(t *testing.T) {
	stagetest.Validate(t, certagent, "agent.hcl")
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	config, err := files.ReadFile("agent.hcl")
	if err != nil {
		t.Fatal(err)
	}
	_, template, _ := strings.Cut(string(config), "template {")
	if !strings.Contains(string(readme), "```hcl\ntemplate {"+template+"```\n") {
		t.Error("README.md shows another template than agent.hcl has")
	}
}

func TestCtrlCLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	e := stagetest.Start(t, "-certagent="+certagent)
	e.Eventually("the command ran", func() bool { return strings.Contains(e.Output(), "the command ran") })
	if n := len(e.Processes()); n < 2 {
		t.Errorf("%d processes, want the example and the agent: the check below would find nothing", n)
	}
	e.Signal(syscall.SIGINT)
	if code := e.Wait(); code != 0 {
		t.Errorf("exit code %d; it printed:\n%s", code, e.Output())
	}
	if left := e.Processes(); len(left) > 0 {
		t.Errorf("still there: %q", left)
	}
	if left := e.Files(); len(left) > 0 {
		t.Errorf("still there: %q", left)
	}
}
