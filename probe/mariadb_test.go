// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe_test

import (
	"net"
	"testing"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/probe"
)

func TestMariaDB(t *testing.T) {
	t.Parallel()
	mariadbd := program(t, "mariadbd", "mariadb-server-core", false)
	h := newHome(t, nobody)
	before, after := certificate(t, "before.test"), certificate(t, "after.test")
	h.run("mkdir", h.path("data")) // nobody logs in: no tables are needed
	_, port, err := net.SplitHostPort(harness.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	start := func(options ...string) (stop func()) {
		_, stop = h.start(append([]string{
			mariadbd, "--no-defaults", "--skip-grant-tables", "--skip-innodb", "--default-storage-engine=Aria",
			"--datadir=" + h.path("data"), "--socket=" + h.path("s"), "--pid-file=" + h.path("pid"),
			"--bind-address=127.0.0.1", "--port=" + port,
		}, options...)...)
		return stop
	}
	withTLS := []string{"--ssl-cert=" + h.path("site.crt"), "--ssl-key=" + h.path("site.key")}
	h.pair("site", before)
	stop := start(withTLS...)
	target := probe.Target{Address: "127.0.0.1:" + port, StartTLS: probe.MySQL}
	expect(t, probe.Verified, before, target)
	expect(t, probe.Verified, before, probe.Target{Address: "unix:" + h.path("s"), StartTLS: probe.MySQL})
	h.pair("site", after)
	expect(t, probe.ServedOld, after, target)

	stop()
	stop = start(withTLS...)
	expect(t, probe.Verified, after, target)

	stop()
	start()
	refused(t, target, "its greeting does not offer it")
}
