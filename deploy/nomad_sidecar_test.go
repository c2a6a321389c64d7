// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"testing"

	"github.com/certagent/certagent/internal/harness"
)

// TestNomadSidecar runs the tasks in Nomad's order: certagent and wait at once,
// nginx when wait has ended well.
func TestNomadSidecar(t *testing.T) {
	t.Parallel()
	harness.Program(t, "nginx")
	a := newAlloc(t, newWorld(t, "15s"), "sidecar")
	wait, agent := a.run("wait"), a.run("certagent")
	wait.Ends(0)
	nginx := a.run("nginx")
	first := a.served()
	harness.Eventually(t, "another certificate is served", func() bool { return !a.served().Equal(first) })
	if !nginx.Running() {
		t.Error("nginx has ended")
	}
	d := startDownload(t, dialHere, "127.0.0.1:"+a.port, "/big")
	if !nginx.stop(nginx.task.KillSignal, nginx.task.KillTimeout, nginx.take(d)) || nginx.State().ExitCode() != 0 {
		t.Errorf("nginx: %v", nginx.State())
	}
	if !agent.stop(agent.task.KillSignal, agent.task.KillTimeout, nil) || agent.State().ExitCode() != 0 {
		t.Errorf("certagent: %v", agent.State())
	}
}
