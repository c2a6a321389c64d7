// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/certagent/certagent/internal/harness"
)

// furnish gives the machine users, programs and configuration files.
func (m *machine) furnish() {
	m.Helper()
	links := map[string]string{"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64", "var/run": "../run"}
	if err := os.Mkdir(m.path("var"), 0o755); err != nil {
		m.Fatal(err)
	}
	for link, target := range links {
		if err := os.Symlink(target, m.path(link)); err != nil {
			m.Fatal(err)
		}
	}
	for _, program := range []string{"systemctl", "touch", "kill", "sh"} {
		install(m.T, harness.Program(m.T, program), m.path("usr/bin/"+program))
	}
	install(m.T, harness.CertagentStatic(m.T), m.path("usr/bin/certagent"))
	users := map[string]string{
		"root": "0", "www-data": "33", "messagebus": "100", "polkitd": "996", "nobody": "65534",
		"certagent": "64201", "postgres": "64202",
	}
	var passwd, group strings.Builder
	for name, number := range users {
		passwd.WriteString(name + ":x:" + number + ":" + number + "::/:/bin/false\n")
		group.WriteString(name + ":x:" + number + ":\n")
	}
	group.WriteString("nogroup:x:65534:\n")
	for path, text := range map[string]string{
		"passwd": passwd.String(), "group": group.String(), "nsswitch.conf": "passwd: files\ngroup: files\n",
		"machine-id": strings.Repeat("0123456789abcdef", 2) + "\n", "hostname": "box\n",
		"nginx/nginx.conf": nginxConfig,
	} {
		write(m.T, filepath.Join(m.path("etc"), path), text)
	}
	for _, file := range []string{"agent.hcl", "owner.hcl", "exec.hcl", "nginx.conf"} {
		write(m.T, m.path("etc/certagent/"+file), harness.ReadFile(m.T, "systemd/"+file))
	}
	m.server.writeCredentials(m.path("etc/certagent"))
	writeBigFile(m.T, m.path("usr/share/nginx/html/big"))
	for _, dir := range []string{"var/log/nginx", "var/lib/nginx"} {
		if err := os.MkdirAll(m.path(dir), 0o755); err != nil {
			m.Fatal(err)
		}
	}
}

// nginxConfig is that of an nginx with a unit of its own.
const nginxConfig = `
daemon off;
pid    /run/nginx.pid;
events {}
http {
  access_log off;
  server {
    listen 127.0.0.1:443 ssl;
    ssl_certificate     /var/lib/certagent/nginx/tls.crt;
    ssl_certificate_key /var/lib/certagent/nginx/tls.key;
    location / { root /usr/share/nginx/html; }
  }
}
`

// nginxUnit is what distributions ship, in short.
const nginxUnit = `
[Unit]
Description=nginx
[Service]
ExecStart=/usr/sbin/nginx -c /etc/nginx/nginx.conf -e stderr
ExecReload=/bin/kill -HUP $MAINPID
KillSignal=SIGQUIT
`

// installUnits installs the units as their comments say, and tells them where the
// server is and where their output goes.
func (m *machine) installUnits() {
	m.Helper()
	dir := m.path("etc/systemd/system")
	for _, unit := range units {
		write(m.T, filepath.Join(dir, unit.name), harness.ReadFile(m.T, "systemd/"+unit.name))
	}
	write(m.T, filepath.Join(dir, "nginx.service"), nginxUnit)
	write(m.T, filepath.Join(dir, "nginx.service.d/wait-for-certagent.conf"), harness.ReadFile(m.T, "systemd/wait-for-certagent.conf"))
	for _, service := range []string{"certagent", "certagent-owner", "certagent-exec", "certagent-reload@", "nginx"} {
		log := "/var/log/" + service + ".log"
		write(m.T, m.path(log), "")
		write(m.T, filepath.Join(dir, service+".service.d/test.conf"),
			"[Service]\nEnvironment=VAULT_ADDR=http://127.0.0.1:8200\nStandardOutput=append:"+log+"\nStandardError=append:"+log+"\n")
	}
	// So that the watchdog hears of certagent within the test.
	write(m.T, filepath.Join(dir, "certagent.service.d/watchdog.conf"), "[Service]\nWatchdogSec=10s\n")
	if systemdVersion(m.T) >= 253 {
		return
	}
	for _, service := range []string{"certagent", "certagent-owner", "certagent-exec"} {
		write(m.T, filepath.Join(dir, service+".service.d/older-systemd.conf"), harness.ReadFile(m.T, "systemd/older-systemd.conf"))
	}
}
