// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
)

// proxyHeader returns the header of a version of the PROXY protocol for a connection
// between two addresses (haproxy.org, proxy-protocol.txt, sections 2.1 and 2.2). If they
// are not IP addresses, the header is UNKNOWN or LOCAL.
func proxyHeader(version int, from, to net.Addr) []byte {
	source, sourceOK := addrPort(from)
	destination, destinationOK := addrPort(to)
	proxied := sourceOK && destinationOK
	switch {
	case version == 1 && !proxied:
		return []byte("PROXY UNKNOWN\r\n")
	case version == 1:
		family := "TCP6"
		if source.Addr().Is4() {
			family = "TCP4"
		}
		return fmt.Appendf(nil, "PROXY %s %s %s %d %d\r\n",
			family, source.Addr(), destination.Addr(), source.Port(), destination.Port())
	}

	const local, proxy, tcp4, tcp6 = 0x20, 0x21, 0x11, 0x21
	header := []byte("\r\n\r\n\x00\r\nQUIT\n")
	if !proxied {
		return append(header, local, 0, 0, 0)
	}
	family := byte(tcp6)
	if source.Addr().Is4() {
		family = tcp4
	}
	addresses := append(source.Addr().AsSlice(), destination.Addr().AsSlice()...)
	addresses = binary.BigEndian.AppendUint16(addresses, source.Port())
	addresses = binary.BigEndian.AppendUint16(addresses, destination.Port())
	header = binary.BigEndian.AppendUint16(append(header, proxy, family), uint16(len(addresses)))
	return append(header, addresses...)
}

func addrPort(a net.Addr) (netip.AddrPort, bool) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port()), ap.IsValid()
}
