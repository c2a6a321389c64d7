// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe_test

import (
	"testing"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/probe"
)

func TestSlapd(t *testing.T) {
	t.Parallel()
	slapd := program(t, "slapd", "slapd", false)
	h := newHome(t, nobody)
	before, after := certificate(t, "before.test"), certificate(t, "after.test")
	address := harness.FreeAddress(t)
	start := func() (stop func()) {
		_, stop = h.start(slapd, "-d", "0", "-f", h.path("slapd.conf"), "-h", "ldap://"+address)
		return stop
	}
	h.configure("slapd.conf", "TLSCertificateFile @DIR@/site.crt\nTLSCertificateKeyFile @DIR@/site.key\n")
	h.pair("site", before)
	stop := start()
	target := probe.Target{Address: address, StartTLS: probe.LDAP}
	expect(t, probe.Verified, before, target)
	h.pair("site", after)
	expect(t, probe.ServedOld, after, target) // it reads them when it starts

	stop()
	stop = start()
	expect(t, probe.Verified, after, target)

	stop()
	h.configure("slapd.conf", "# no TLS\n")
	start()
	refused(t, target, "starttls \"ldap\": the server refuses TLS: result ")
}
