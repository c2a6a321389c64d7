// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

import (
	"net"
	"testing"
)

// An IPv4 address may come in the form that IPv6 has for it.
func TestProxyHeaderOfMappedAddresses(t *testing.T) {
	t.Parallel()
	from := &net.TCPAddr{IP: net.ParseIP("192.0.2.1"), Port: 1234}
	to := &net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.2"), Port: 443}
	want := map[int]string{
		1: "PROXY TCP4 192.0.2.1 192.0.2.2 1234 443\r\n",
		2: "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x04\xd2\x01\xbb",
	}
	for version := range want {
		if got := string(proxyHeader(version, from, to)); got != want[version] {
			t.Errorf("version %d: got %q, want %q", version, got, want[version])
		}
	}
}
