// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe_test

import (
	"net"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/probe"
)

func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	postgres := program(t, "postgres", "postgresql-15", false)
	h := newHome(t, nobody)
	before, after := certificate(t, "before.test"), certificate(t, "after.test")
	host, port, err := net.SplitHostPort(harness.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	h.run(filepath.Join(filepath.Dir(postgres), "initdb"), "-D", h.path("data"), "-A", "trust", "-N", "--no-instructions")
	h.pair("site", before)
	configure := func(ssl string) {
		h.configure("postgresql.conf", `
listen_addresses = '@HOST@'
port = @PORT@
unix_socket_directories = '@DIR@'
fsync = off
ssl = @SSL@
ssl_cert_file = '@DIR@/site.crt'
ssl_key_file = '@DIR@/site.key'
ssl_ca_file = '@DIR@/site.crt'
hba_file = '@DIR@/hba.conf'
`, "@HOST@", host, "@PORT@", port, "@SSL@", ssl)
	}
	configure("on")
	h.write("hba.conf", "hostssl all all 0.0.0.0/0 trust clientcert=verify-ca\n") // lets nobody in
	server, _ := h.start(postgres, "-D", h.path("data"), "-c", "config_file="+h.path("postgresql.conf"))
	target := probe.Target{Address: net.JoinHostPort(host, port), StartTLS: probe.Postgres}
	expect(t, probe.Verified, before, target)
	refused(t, probe.Target{Address: target.Address}, "TLS handshake: ") // without SSLRequest
	refused(t, probe.Target{Address: "unix:" + h.path(".s.PGSQL."+port), StartTLS: probe.Postgres}, "answered with N")

	h.pair("site", after)
	expect(t, probe.ServedOld, after, target)
	h.signal(server, syscall.SIGHUP)
	expect(t, probe.Verified, after, target)

	configure("off")
	h.signal(server, syscall.SIGHUP)
	refused(t, target, "is ssl = on in postgresql.conf?")
}
