// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/certagent/certagent/internal/harness"
)

// TestUnderSystemd runs the units under a real systemd, with the files that belong
// to them, as they are. The parts follow each other.
func TestUnderSystemd(t *testing.T) {
	t.Parallel()
	harness.Program(t, "nginx")
	w := newWorld(t, "15s")
	m := bootMachine(t, w, func(*machine) {})
	for _, part := range []struct {
		name string
		run  func(*machine)
	}{
		{"nginx starts when its files are there", (*machine).startsNginx},
		{"nginx is reloaded with new files", (*machine).reloadsNginx},
		{"the configuration is reloaded", (*machine).reloadsConfiguration},
		{"certagent says that it is alive", (*machine).isAlive},
		{"certagent stops", (*machine).stopsCertagent},
		{"files belong to another user", (*machine).givesFilesAway},
		{"nginx as a child ends what it is sending", (*machine).stopsChild},
	} {
		if !t.Run(part.name, func(t *testing.T) {
			n := *m
			n.T = t
			part.run(&n)
		}) {
			return
		}
	}
}

// published is the leaf in a file of the machine.
func (m *machine) published(path string) *x509.Certificate {
	m.Helper()
	pair, err := tls.X509KeyPair([]byte(harness.ReadFile(m.T, m.path(path+".crt"))), []byte(harness.ReadFile(m.T, m.path(path+".key"))))
	if err != nil {
		m.Fatal(err)
	}
	return pair.Leaf
}

// served is the leaf that is served on port 443.
func (m *machine) served() *x509.Certificate {
	m.Helper()
	return servedLeaf(m.T, m.dial, "127.0.0.1:443")
}

// startsNginx: the start of nginx waits for that of certagent, which is over
// when the files are there.
func (m *machine) startsNginx() {
	m.do("start", "certagent-reload@nginx.path")
	m.do("start", "nginx.service")
	if state := m.show("certagent.service", "ActiveState"); state != "active" {
		m.Errorf("certagent is %s", state)
	}
	want := "notify-reload"
	if systemdVersion(m.T) < 253 {
		want = "notify"
	}
	if got := m.show("certagent.service", "Type"); got != want {
		m.Errorf("the type of the service is %s, want %s", got, want)
	}
	m.served()
	m.hasOwner("/var/lib/certagent/nginx/tls.key", certagentUser, 0o600)
	m.hasOwner("/var/lib/certagent/nginx/tls.crt", certagentUser, 0o644)
}

func (m *machine) hasOwner(path string, uid uint32, mode fs.FileMode) {
	m.Helper()
	info, err := os.Stat(m.path(path))
	if err != nil {
		m.Fatal(err)
	}
	if got := info.Sys().(*syscall.Stat_t).Uid; got != uid || info.Mode() != mode {
		m.Errorf("%s has owner %d and mode %v, want %d and %v", path, got, info.Mode(), uid, mode)
	}
}

// reloadsNginx: certagent renews the certificate, touches a file, and systemd
// reloads nginx.
func (m *machine) reloadsNginx() {
	first := m.served()
	main := m.show("nginx.service", "MainPID")
	harness.Eventually(m.T, "another certificate is served", func() bool { return !m.served().Equal(first) })
	if m.show("nginx.service", "MainPID") != main {
		m.Error("nginx was restarted")
	}
	harness.Eventually(m.T, "certagent has seen it", func() bool {
		return strings.Contains(harness.ReadFile(m.T, m.path("/var/log/certagent.log")), "generation=2")
	})
}

func (m *machine) reloadsConfiguration() {
	main := m.show("certagent.service", "MainPID")
	config := m.path("etc/certagent/agent.hcl")
	write(m.T, config, "log_level = \"debug\"\n"+harness.ReadFile(m.T, config))
	m.do("reload", "certagent.service")
	if state := m.show("certagent.service", "ActiveState"); state != "active" {
		m.Errorf("certagent is %s", state)
	}
	if m.show("certagent.service", "MainPID") != main {
		m.Error("certagent was restarted")
	}
}

// isAlive: certagent answers the watchdog, and tells how it is.
func (m *machine) isAlive() {
	asked := func() string { return m.show("certagent.service", "WatchdogTimestampMonotonic") }
	first := asked()
	harness.Eventually(m.T, "the watchdog hears of certagent", func() bool { return asked() != first })
	if m.show("certagent.service", "StatusText") == "" {
		m.Error("there is no status")
	}
	if n := m.show("certagent.service", "NRestarts"); n != "0" {
		m.Errorf("certagent was started again %s times", n)
	}
}

func (m *machine) stopsCertagent() {
	m.do("stop", "certagent.service")
	m.stoppedWell("certagent.service")
	// nginx does not need it to run.
	m.served()
	m.do("stop", "nginx.service")
}

// stoppedWell fails the test unless the service has ended by itself, in time,
// with code 0.
func (m *machine) stoppedWell(unit string) {
	m.Helper()
	if result, code := m.show(unit, "Result"), m.show(unit, "ExecMainStatus"); result != "success" || code != "0" {
		m.Errorf("%s ended with result %s and exit code %s", unit, result, code)
	}
}

func (m *machine) givesFilesAway() {
	// There is no PostgreSQL to verify with.
	config := m.path("etc/certagent/owner.hcl")
	before, _, _ := strings.Cut(harness.ReadFile(m.T, config), "  verify {")
	write(m.T, config, before+"}\n")
	m.do("start", "certagent-owner.service")
	m.hasOwner("/var/lib/certagent-owner/postgresql/server.key", postgresUser, 0o600)
	m.hasOwner("/var/lib/certagent-owner/postgresql/server.crt", postgresUser, 0o644)
	m.do("stop", "certagent-owner.service")
	m.stoppedWell("certagent-owner.service")
}

// stopsChild: systemctl stop sends SIGTERM to certagent, which asks nginx to end
// with SIGQUIT and waits until it has sent everything.
func (m *machine) stopsChild() {
	m.do("start", "certagent-exec.service")
	harness.Eventually(m.T, "what is served is what is on disk", func() bool {
		return m.served().Equal(m.published("/var/lib/certagent-exec/tls/tls"))
	})
	d := startDownload(m.T, m.dial, "127.0.0.1:443", "/big")
	m.do("stop", "--no-block", "certagent-exec.service")
	harness.Eventually(m.T, "certagent is stopping", func() bool { return m.show("certagent-exec.service", "ActiveState") == "deactivating" })
	d.finish()
	m.do("stop", "certagent-exec.service")
	m.stoppedWell("certagent-exec.service")
}
