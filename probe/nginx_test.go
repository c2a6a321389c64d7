// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/probe"
)

const nginxConf = `
daemon off;
worker_processes 2;
pid @DIR@/nginx.pid;
error_log @DIR@/error.log notice;
events {}
http {
	access_log off;
	client_body_temp_path @DIR@/body;
	proxy_temp_path @DIR@/proxy;
	fastcgi_temp_path @DIR@/fastcgi;
	uwsgi_temp_path @DIR@/uwsgi;
	scgi_temp_path @DIR@/scgi;
	ssl_certificate @DIR@/site.crt;
	ssl_certificate_key @DIR@/site.key;
	@MORE@
	server { listen @ADDRESS@ ssl; listen unix:@DIR@/s ssl; }
	server { listen @PROXIED@ ssl proxy_protocol; }
}
`

func TestNginx(t *testing.T) {
	t.Parallel()
	nginx := program(t, "nginx", "nginx-light", true)
	h := newHome(t, 0)
	before, after := certificate(t, "before.test"), certificate(t, "after.test")
	address, proxied := harness.FreeAddress(t), harness.FreeAddress(t)
	h.configure("nginx.conf", nginxConf, "@ADDRESS@", address, "@PROXIED@", proxied, "@MORE@", "")
	h.pair("site", before)
	master, _ := h.start(nginx, "-p", h.dir, "-c", h.path("nginx.conf"))
	targets := []probe.Target{
		{Address: address, ServerName: "before.test"},
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
	// A verify that is under way sees the reload, with whatever overlap there is.
	time.AfterFunc(200*time.Millisecond, func() { h.signal(master, syscall.SIGHUP) })
	if got := verify(t, enough, after, targets...); got.Outcome != probe.Verified {
		t.Fatalf("reloaded: got %+v", got)
	}
	// What was verified stays.
	for range 50 {
		if leaf, err := probe.Leaf(within(t), targets[0]); err != nil || !leaf.Equal(after.Leaf) {
			t.Fatalf("after it was verified: %v, %v", leaf, err)
		}
	}

	// A pair that does not match: nginx takes the signal and keeps what it has.
	other := certificate(t, "other.test")
	h.pair("site", other)
	key := certificate(t, "key.test")
	h.pair("key", key)
	h.configure("nginx.conf", nginxConf, "@ADDRESS@", address, "@PROXIED@", proxied, "@MORE@", "", "site.key", "key.key")
	h.signal(master, syscall.SIGHUP)
	h.logged("error.log", "key values mismatch")
	if got := expect(t, probe.ServedOld, other, targets[0]); !got.Served.Equal(after.Leaf) {
		t.Errorf("after a refused reload %v is served", got.Served.Subject)
	}
}

func TestNginxWithTwoKeys(t *testing.T) {
	t.Parallel()
	nginx := program(t, "nginx", "nginx-light", true)
	h := newHome(t, 0)
	address := harness.FreeAddress(t)
	h.configure("nginx.conf", nginxConf, "@ADDRESS@", address, "@PROXIED@", harness.FreeAddress(t), "@MORE@",
		"ssl_certificate "+h.path("rsa.crt")+"; ssl_certificate_key "+h.path("rsa.key")+"; ssl_protocols TLSv1.2 TLSv1.3;")
	ec, rsa := certificate(t, "ec.test"), rsaCertificate(t, "rsa.test")
	h.pair("site", ec)
	h.pair("rsa", rsa)
	master, _ := h.start(nginx, "-p", h.dir, "-c", h.path("nginx.conf"))
	target := probe.Target{Address: address}
	expect(t, probe.Verified, ec, target)
	expect(t, probe.Verified, rsa, target)

	newEC, newRSA := certificate(t, "new-ec.test"), rsaCertificate(t, "new-rsa.test")
	h.pair("rsa", newRSA)
	h.signal(master, syscall.SIGHUP)
	expect(t, probe.Verified, newRSA, target)
	if got := expect(t, probe.ServedOld, newEC, target); !got.Served.Equal(ec.Leaf) {
		t.Errorf("served %v, want the old one with such a key", got.Served.Subject)
	}
	h.pair("site", newEC)
	h.signal(master, syscall.SIGHUP)
	expect(t, probe.Verified, newEC, target)
	expect(t, probe.Verified, newRSA, target)
}
