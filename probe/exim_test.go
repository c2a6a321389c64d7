// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe_test

import (
	"net"
	"os"
	"testing"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/probe"
)

func TestExim(t *testing.T) {
	t.Parallel()
	exim := program(t, "exim4", "exim4-daemon-light", false)
	if os.Getuid() != 0 {
		t.Skip("Exim takes a configuration of our own from root only")
	}
	h := newHome(t, 0)
	before, after := certificate(t, "before.test"), certificate(t, "after.test")
	_, port, err := net.SplitHostPort(harness.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	configure := func(advertise string) {
		h.configure("exim.conf", `
primary_hostname = mail.test
spool_directory = @DIR@
log_file_path = @DIR@/%slog
pid_file_path = @DIR@/exim.pid
exim_user = root
exim_group = root
never_users =
local_interfaces = 127.0.0.1
daemon_smtp_ports = @PORT@
tls_advertise_hosts = @ADVERTISE@
tls_certificate = @DIR@/site.crt
tls_privatekey = @DIR@/site.key
`, "@PORT@", port, "@ADVERTISE@", advertise)
	}
	start := func() (stop func()) {
		_, stop = h.start(exim, "-C", h.path("exim.conf"), "-bdf")
		return stop
	}
	configure("*")
	h.pair("site", before)
	stop := start()
	target := probe.Target{Address: "127.0.0.1:" + port, StartTLS: probe.SMTP}
	expect(t, probe.Verified, before, target)
	h.pair("site", after)
	expect(t, probe.Verified, after, target) // it watches the files

	stop()
	configure("")
	start()
	refused(t, target, "does not offer STARTTLS")
}
