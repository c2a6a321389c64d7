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

// Target is a server to ask.
type Target struct {
	// Address is host:port, or unix: and the path of a socket.
	Address string
	// ServerName is the name that the server is asked for (SNI). If it is
	// empty, it is the address's host, unless that is an IP address or a
	// socket's path: then the server is not told a name.
	ServerName string
	// StartTLS is the protocol that is spoken until TLS begins; empty if the
	// server expects TLS from the first byte.
	StartTLS StartTLS
	// ProxyProtocol is the version, 1 or 2, of the PROXY header that the server
	// expects before everything else; 0 sends none. The header names the two
	// ends of this connection, as if the proxy had connected for itself.
	ProxyProtocol int
	// Certificate is shown to a server that asks for one; nil shows none.
	Certificate *tls.Certificate
	// KeyAlgorithm asks a server that has several certificates for the one with
	// such a key: x509.RSA, x509.ECDSA or x509.Ed25519; zero takes what comes.
	// The handshake is then one of TLS 1.2, whose cipher suites can say so, and
	// fails if the server has no such certificate or speaks only TLS 1.3. The
	// cipher suites do not tell ECDSA from Ed25519.
	KeyAlgorithm x509.PublicKeyAlgorithm
}

const unixPrefix = "unix:"

// Validate says what is wrong with the target, whatever the server does.
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

// network returns what net.Dial wants; the target is valid.
func (t Target) network() (network, address string) {
	if path, isUnix := strings.CutPrefix(t.Address, unixPrefix); isUnix {
		return "unix", path
	}
	return "tcp", t.Address
}

// serverName returns the name that the server is told; crypto/tls withholds IP
// addresses.
func (t Target) serverName() string {
	if network, address := t.network(); t.ServerName == "" && network == "tcp" {
		host, _, _ := net.SplitHostPort(address) // valid
		return host
	}
	return t.ServerName
}
