// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/certagent/certagent/examples/internal/stagetest"
	"github.com/certagent/certagent/internal/harness"
)

func TestMain(m *testing.M) { stagetest.Main(m, main) }

func TestConfiguration(t *testing.T) {
	stagetest.Validate(t, "agent.hcl")
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
	e := stagetest.Start(t)
	harness.Eventually(t, "the command ran", func() bool { return strings.Contains(e.String(), "the command ran") })
	if n := len(e.Processes()); n < 2 {
		t.Errorf("%d processes, want the example and the agent: the check below would find nothing", n)
	}
	e.SignalGroup(syscall.SIGINT)
	e.Ends(0)
	e.LeavesNothing()
}
