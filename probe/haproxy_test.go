// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe_test

import (
	"syscall"
	"testing"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/probe"
)

const haproxyConf = `
global
	maxconn 100
defaults
	mode tcp
	timeout connect 5s
	timeout client 5s
	timeout server 5s
frontend f
	bind @ADDRESS@ ssl crt @DIR@/site.pem
	bind unix@@DIR@/s ssl crt @DIR@/site.pem
	bind @PROXIED@ accept-proxy ssl crt @DIR@/site.pem
`

func TestHAProxy(t *testing.T) {
	t.Parallel()
	haproxy := program(t, "haproxy", "haproxy", false)
	h := newHome(t, 0)
	before, after := certificate(t, "before.test"), certificate(t, "after.test")
	address, proxied := harness.FreeAddress(t), harness.FreeAddress(t)
	h.configure("haproxy.cfg", haproxyConf, "@ADDRESS@", address, "@PROXIED@", proxied)
	h.pair("site", before)
	// The master re-executes itself to reload; -db keeps it in the foreground.
	master, _ := h.start(haproxy, "-W", "-db", "-f", h.path("haproxy.cfg"))
	targets := []probe.Target{
		{Address: address},
		{Address: "unix:" + h.path("s")},
		{Address: proxied, ProxyProtocol: 1},
		{Address: proxied, ProxyProtocol: 2},
	}
	if got := verify(t, enough, before, targets...); got.Outcome != probe.Verified {
		t.Fatalf("at first: got %+v", got)
	}
	refused(t, probe.Target{Address: proxied}, "TLS handshake: ")

	h.pair("site", after)
	if got := verify(t, soon, after, targets...); got.Outcome != probe.ServedOld {
		t.Fatalf("published, not reloaded: got %+v", got)
	}
	h.signal(master, syscall.SIGUSR2)
	if got := verify(t, enough, after, targets...); got.Outcome != probe.Verified {
		t.Fatalf("reloaded: got %+v", got)
	}
}
