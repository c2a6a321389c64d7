// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package backend

import "net/netip"

// ParseCIDRs checks a list of addresses and networks and returns them as Vault
// shows them: a network of one address as the address.
func ParseCIDRs(list []string) ([]string, error) {
	for i, text := range list {
		prefix, ok := parseCIDR(text)
		if !ok {
			return nil, BadRequest("error parsing address %q: Unable to convert %q to an IPv4 or IPv6 address, or a UNIX Socket", text, text)
		}
		if list[i] = text; prefix.IsSingleIP() {
			list[i] = prefix.Addr().String()
		}
	}
	return list, nil
}

func parseCIDR(text string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), true
	}
	prefix, err := netip.ParsePrefix(text)
	return prefix, err == nil
}

// Within reports whether an address is in one of the networks. An empty list
// contains every address.
func Within(list []string, addr netip.Addr) bool {
	for _, text := range list {
		if prefix, ok := parseCIDR(text); ok && prefix.Contains(addr.Unmap()) {
			return true
		}
	}
	return len(list) == 0
}
