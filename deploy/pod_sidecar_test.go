// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/certagent/certagent/internal/harness"
)

// TestSidecarContainer: nginx starts after the startup probe of certagent has
// succeeded, certagent signals it in the other container, and both end well.
func TestSidecarContainer(t *testing.T) {
	t.Parallel()
	harness.Program(t, "nginx")
	w := newWorld(t, "15s")
	p := newPod(t, w, "sidecar")
	sidecar, server := p.spec.InitContainers[0], p.spec.Containers[0]
	agent := p.run(sidecar, sidecar.Args)
	p.probe(sidecar)
	// Of nginx's image.
	p.volumes["html"] = t.TempDir()
	writeBigFile(t, filepath.Join(p.volumes["html"], "big"))
	server.VolumeMounts = append(server.VolumeMounts, volumeMount{"html", "/usr/share/nginx/html", true})
	nginx := p.run(server, server.Command)
	nginx.Says("start worker process")
	d := startDownload(t, p.dial, "127.0.0.1:8443", "/big")
	harness.Eventually(t, "another certificate is served", func() bool {
		return !servedLeaf(t, p.dial, "127.0.0.1:8443").Equal(d.leaf())
	})
	nginx.Signal(syscall.SIGQUIT) // the stop signal of nginx's images
	nginx.Says("gracefully shutting down")
	d.finish() // it has outlived a reload and a stop
	nginx.Ends(0)
	agent.Signal(syscall.SIGTERM)
	agent.Ends(0)
}

// probe runs the startup probe of a container until it succeeds. It has the
// image and the volumes of the container.
func (p *pod) probe(c podContainer) {
	p.Helper()
	for range c.StartupProbe.FailureThreshold {
		attempt := *p.agent
		attempt.entrypoint = nil
		q := *p
		q.agent = &attempt
		probe := q.run(c, c.StartupProbe.Exec.Command)
		<-probe.Ended()
		switch code := probe.State().ExitCode(); code {
		case 0:
			return
		case 2:
			p.Fatalf("the probe is no command line:\n%s", probe)
		}
		time.Sleep(time.Duration(c.StartupProbe.PeriodSeconds) * time.Second)
	}
	p.Fatal("the startup probe does not succeed")
}
