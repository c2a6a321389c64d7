// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
)

// Target is a server to probe.
type Target struct {
	// Address is host:port, or unix: and the path of a socket.
	Address string
	// ServerName is the name to send in SNI. If it is empty, the host of the address is
	// sent, unless that is an IP address or the path of a socket; then no name is sent.
	ServerName string
	// StartTLS is the protocol before TLS begins; empty if the server expects TLS from
	// the first byte.
	StartTLS StartTLS
	// ProxyProtocol is the version, 1 or 2, of the PROXY header that the server
	// expects first; 0 sends none. The header has the two addresses of this connection,
	// as if a proxy had connected on its own behalf.
	ProxyProtocol int
	// Certificate is sent to a server that requests one; nil sends none.
	Certificate *tls.Certificate
	// KeyAlgorithm selects the certificate of a server that has several, by its kind of
	// key: x509.RSA, x509.ECDSA or x509.Ed25519; zero accepts any. The handshake then
	// uses TLS 1.2, whose cipher suites depend on the kind of key, and fails if the
	// server has no such certificate or supports only TLS 1.3. The cipher suites do not
	// distinguish ECDSA from Ed25519.
	KeyAlgorithm x509.PublicKeyAlgorithm
}

const unixPrefix = "unix:"

// Validate returns an error if the target cannot be probed, whatever the server does.
func (t Target) Validate() error {
	if path, isUnix := strings.CutPrefix(t.Address, unixPrefix); isUnix {
		if path == "" {
			return fmt.Errorf("no path after %q", unixPrefix)
		}
	} else if _, _, err := net.SplitHostPort(t.Address); err != nil {
		return err
	}
	if t.StartTLS != "" && exchanges[t.StartTLS] == nil {
		return fmt.Errorf("starttls %q is not one of %q", t.StartTLS, slices.Sorted(maps.Keys(exchanges)))
	}
	if t.ProxyProtocol < 0 || t.ProxyProtocol > 2 {
		return fmt.Errorf("proxy protocol version %d is neither 1 nor 2", t.ProxyProtocol)
	}
	if t.KeyAlgorithm != x509.UnknownPublicKeyAlgorithm && suites(t.KeyAlgorithm) == nil {
		return fmt.Errorf("cannot ask for a %s key", t.KeyAlgorithm)
	}
	return nil
}

// network returns the arguments for net.Dial. The target must be valid.
func (t Target) network() (network, address string) {
	if path, isUnix := strings.CutPrefix(t.Address, unixPrefix); isUnix {
		return "unix", path
	}
	return "tcp", t.Address
}

// serverName returns the name for SNI; crypto/tls does not send IP addresses.
func (t Target) serverName() string {
	if network, address := t.network(); t.ServerName == "" && network == "tcp" {
		host, _, _ := net.SplitHostPort(address) // valid
		return host
	}
	return t.ServerName
}
