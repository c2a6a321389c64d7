// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"os"
	"strings"
	"testing"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// TestPolkitUnderSystemd has certagent.service ask systemd to reload nginx, over a
// real bus, with polkit to decide.
func TestPolkitUnderSystemd(t *testing.T) {
	t.Parallel()
	harness.Program(t, "nginx")
	harness.Program(t, "dbus-daemon")
	if _, err := os.Stat("/usr/lib/polkit-1/polkitd"); err != nil {
		harness.Missing(t, "polkitd is not installed: %v", err)
	}
	m := bootMachine(t, newWorld(t, "15s"), (*machine).addPolkit)
	m.do("start", "nginx.service")
	first := m.served()
	harness.Eventually(t, "another certificate is served", func() bool { return !m.served().Equal(first) })
	log := m.path("/var/log/certagent.log")
	if strings.Contains(harness.ReadFile(t, log), logmsg.ChangeFailed) {
		t.Error("polkit refuses what the rule allows")
	}
	// Without the rule it must refuse, or the test shows nothing.
	if err := os.Remove(m.path("etc/polkit-1/rules.d/50-certagent-reload.rules")); err != nil {
		t.Fatal(err)
	}
	m.do("restart", "polkit.service")
	harness.Eventually(t, "polkit refuses", func() bool { return strings.Contains(harness.ReadFile(t, log), logmsg.ChangeFailed) })
}

// addPolkit gives the machine a bus, polkit with the rule, and the command that
// agent.hcl has in a comment.
func (m *machine) addPolkit() {
	m.Helper()
	install(m.T, harness.Program(m.T, "dbus-daemon"), m.path("usr/bin/dbus-daemon"))
	for _, unit := range []string{"dbus.socket", "dbus.service", "polkit.service"} {
		write(m.T, m.path("etc/systemd/system/"+unit), harness.ReadFile(m.T, "/usr/lib/systemd/system/"+unit))
	}
	write(m.T, m.path("etc/systemd/system/nginx.service.d/bus.conf"), "[Unit]\nWants=dbus.socket\nAfter=dbus.socket\n")
	write(m.T, m.path("etc/polkit-1/rules.d/50-certagent-reload.rules"), harness.ReadFile(m.T, "systemd/50-certagent-reload.rules"))
	for _, dir := range []string{"/usr/share/dbus-1", "/usr/share/polkit-1"} {
		m.mounts = append(m.mounts, mount{Kind: "bind-ro", Source: dir, Target: dir})
	}
	const touch, systemctl = `command     = ["touch", "/run/certagent/reload-nginx"]`, `command = ["systemctl", "try-reload-or-restart", "nginx.service"]`
	path := m.path("etc/certagent/agent.hcl")
	text := harness.ReadFile(m.T, path)
	if !strings.Contains(text, "#   "+systemctl) {
		m.Fatal("agent.hcl does not name the command")
	}
	write(m.T, path, strings.Replace(text, touch, systemctl, 1))
}
