// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// TestNomadStopsNginx stops the task while nginx is sending: in the way that the
// job asks for, and in the way of a job that asks for nothing.
func TestNomadStopsNginx(t *testing.T) {
	t.Parallel()
	harness.Program(t, "nginx")
	w := newWorld(t, "1h")
	task := readNomadJob(t, "nginx").task(t, "nginx")
	for _, c := range []struct {
		name, signal string
		timeout      time.Duration
	}{
		{"as the job says", task.KillSignal, task.KillTimeout},
		{"as is Nomad's default", "SIGINT", 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newAlloc(t, w, "nginx")
			p := a.run("nginx")
			a.served()
			d := startDownload(t, dialHere, "127.0.0.1:"+a.port, "/big")
			if !p.stop(c.signal, c.timeout, p.take(d)) {
				t.Errorf("it took longer than %v", c.timeout)
			}
			if code := p.State().ExitCode(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if left := a.nginxes(); len(left) > 0 {
				t.Errorf("nginx still runs: %q", left)
			}
		})
	}
}

// A client that takes no more of a response must not hold up the stop until
// Nomad kills: nginx gives it up first, then certagent would end nginx.
func TestNomadNeverKillsNginx(t *testing.T) {
	t.Parallel()
	harness.Program(t, "nginx")
	a := newAlloc(t, newWorld(t, "1h"), "nginx")
	shorter := strings.NewReplacer("worker_shutdown_timeout 15s", "worker_shutdown_timeout 1s") // as for the rest, see TestNomadJobs
	a.edit = shorter.Replace
	p := a.run("nginx")
	a.served()
	startDownload(t, dialHere, "127.0.0.1:"+a.port, "/big")
	if !p.stop(p.task.KillSignal, p.task.KillTimeout, nil) {
		t.Errorf("it took longer than %v", p.task.KillTimeout)
	}
	if left := a.nginxes(); len(left) > 0 || p.State().ExitCode() != 0 {
		t.Errorf("%v; nginx still runs: %q", p.State(), left)
	}
}

// TestNomadFleet: the node's name is in its certificate, and the next allocation
// on the same client asks Vault for nothing.
func TestNomadFleet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "1h")
	a := newAlloc(t, w, "fleet")
	host, bin := t.TempDir(), t.TempDir()
	a.edit = strings.NewReplacer("/var/lib/certagent", host, `"systemctl"`, `"`+bin+`/systemctl"`).Replace
	if err := os.Symlink("/bin/true", filepath.Join(bin, "systemctl")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		p := a.run("certagent")
		p.Says(logmsg.AllPublished)
		if !p.stop(p.task.KillSignal, p.task.KillTimeout, nil) || p.State().ExitCode() != 0 {
			t.Errorf("%v", p.State())
		}
	}
	leaf := leafIn(t, filepath.Join(host, "node/node.crt"))
	if name := leaf.Subject.CommonName; name != "client-1.node.example.test" {
		t.Errorf("the certificate is for %q", name)
	}
	if n := w.Asked("", "/v1/pki/sign/"); n != 1 {
		t.Errorf("%d certificates were asked for", n)
	}
}

// TestNomadIdentityIsReadAgain: what counts at a login is the JWT that Nomad has
// written last.
func TestNomadIdentityIsReadAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "1h")
	w.seedNomad(seed.Params{"token_ttl": "3s", "token_max_ttl": "3s"})
	a := newAlloc(t, w, "fleet")
	a.edit = strings.NewReplacer("/var/lib/certagent", t.TempDir(), `"systemctl", `, `"true", `).Replace
	p := a.run("certagent")
	p.Says(logmsg.AllPublished)
	w.seedNomad(nil) // with another key: no earlier JWT is valid
	write(t, filepath.Join(p.dir, "secrets/nomad_certagent.jwt"), w.nomadToken())
	w.Dev.ResetRequests()
	harness.Eventually(t, "certagent logs in", func() bool {
		for _, r := range w.Dev.Requests() {
			if r.Path == "/v1/auth/jwt-nomad/login" && r.Status == http.StatusOK {
				return true
			}
		}
		return false
	})
	p.stop(p.task.KillSignal, p.task.KillTimeout, nil)
}
