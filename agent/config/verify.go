// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"net"
	"strconv"
	"strings"
	"time"
)

// Verify is the verify block: TLS handshakes that prove that servers present
// the published certificate.
type Verify struct {
	// Addresses are the servers that must all present it: host:port, or unix:
	// and the path of a socket. There is at least one.
	Addresses []string
	// ServerName is the server name of the handshake; empty: the host of the
	// address. In a bundle of several certificates it is not empty.
	ServerName string
	// StartTLS is the protocol in which TLS is started: postgres, mysql, smtp
	// or ldap; empty: TLS starts at once.
	StartTLS string
	// ProxyProtocol is the version of the PROXY header to send, 1 or 2; 0:
	// none.
	ProxyProtocol int
	// ClientCert and ClientKey are the files of a client certificate, for
	// servers that require one. Both are set or neither.
	ClientCert, ClientKey string
	Timeout               time.Duration // until which all servers must present it
	// Fallback is the change to make if the first one did not take effect; nil:
	// none. Its mode is not Noop.
	Fallback *Change
	Pos      Pos
}

const (
	defaultVerifyTimeout = 10 * time.Second
	// Three handshakes, spread over 300 ms, need about this long.
	minVerifyTimeout = time.Second
)

func readVerify(s *scope) *Verify {
	v := &Verify{Timeout: defaultVerifyTimeout, Pos: s.pos()}
	v.readAddresses(s)
	get(s, "server_name", asString, &v.ServerName)
	v.readTransport(s)
	get(s, "client_cert", asString, &v.ClientCert)
	get(s, "client_key", asString, &v.ClientKey)
	if (v.ClientCert == "") != (v.ClientKey == "") {
		s.problem(ValidateError, "", "client_cert and client_key must be set together", "set both or neither")
	}
	if get(s, "timeout", asDuration, &v.Timeout) && v.Timeout < minVerifyTimeout {
		s.problem(ValidateError, "timeout", "is too short for three handshakes", `write "1s" or more`)
	}
	if b := s.ownBlock("fallback"); b != nil {
		v.Fallback = readFallback(b)
	}
	s.finish(LoadError)
	return v
}

func readFallback(s *scope) *Change {
	c := readChange(s)
	s.finish(LoadError)
	if isNoop(s, c) {
		s.problem(ValidateError, "change_mode", "a fallback needs a change", `write for example change_mode = "restart"`)
	}
	return &c
}

func (v *Verify) readAddresses(s *scope) {
	if !get(s, "address", asListOrCommasTrimmed, &v.Addresses) {
		if !s.has("address") {
			s.problem(LoadError, "address", "is missing", `write for example "127.0.0.1:8443"`)
		}
		return
	}
	if len(v.Addresses) == 0 {
		s.problem(LoadError, "address", "is empty", `write for example "127.0.0.1:8443"`)
	}
	first := map[string]bool{}
	for i, address := range v.Addresses {
		shown := elementOf(s.value("address"), i).Describe()
		switch {
		case !isAddress(address):
			s.problem(LoadError, "address", shown+" is not an address",
				`write "HOST:PORT", such as "127.0.0.1:8443", or "unix:/PATH"`)
		case first[address]:
			s.problem(ValidateError, "address", shown+" is listed twice", "keep one of them")
		}
		first[address] = true
	}
}

func isAddress(address string) bool {
	if path, isUnix := strings.CutPrefix(address, "unix:"); isUnix {
		return path != ""
	}
	host, port, err := net.SplitHostPort(address)
	n, notNumber := strconv.ParseUint(port, 10, 16)
	return err == nil && notNumber == nil && n > 0 && !strings.ContainsAny(host, "/ \t")
}

func (v *Verify) readTransport(s *scope) {
	if get(s, "starttls", asString, &v.StartTLS) {
		switch v.StartTLS {
		case "postgres", "mysql", "smtp", "ldap":
		default:
			s.problem(LoadError, "starttls", "unknown value "+s.value("starttls").Describe(),
				`write "postgres", "mysql", "smtp" or "ldap"`)
		}
	}
	if get(s, "proxy_protocol", asInteger, &v.ProxyProtocol) && v.ProxyProtocol != 1 && v.ProxyProtocol != 2 {
		s.problem(LoadError, "proxy_protocol", "unknown version "+s.value("proxy_protocol").Describe(), "write 1 or 2")
	}
}
