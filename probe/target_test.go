// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe_test

import (
	"crypto/x509"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/certagent/certagent/probe"
)

// The header is what comes first, whatever follows it.
func TestProxyHeader(t *testing.T) {
	t.Parallel()
	var six string
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
		l.Close()
		six = "[::1]:0"
	}
	tests := []struct {
		name, network, listen string
		version               int
		want                  string // S and D are the two ports, as the version writes them
	}{
		{"version 1, IPv4", "tcp", "127.0.0.1:0", 1, "PROXY TCP4 127.0.0.1 127.0.0.1 S D\r\n"},
		{"version 1, IPv6", "tcp", six, 1, "PROXY TCP6 ::1 ::1 S D\r\n"},
		{"version 1, socket", "unix", "", 1, "PROXY UNKNOWN\r\n"},
		{"version 2, IPv4", "tcp", "127.0.0.1:0", 2, "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01SD"},
		{
			"version 2, IPv6", "tcp", six, 2,
			"\r\n\r\n\x00\r\nQUIT\n\x21\x21\x00\x24" + strings.Repeat(strings.Repeat("\x00", 15)+"\x01", 2) + "SD",
		},
		{"version 2, socket", "unix", "", 2, "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.network == "tcp" && tt.listen == "" {
				t.Skip("this machine has no IPv6")
			}
			got := make(chan string, 1)
			address := listen(t, tt.network, tt.listen, func(conn net.Conn) {
				want := tt.want
				if tt.network == "tcp" {
					write := portText
					if tt.version == 2 {
						write = portBytes
					}
					want = strings.Replace(want, "S", write(conn.RemoteAddr()), 1)
					if i := strings.LastIndex(want, "D"); i >= 0 {
						want = want[:i] + write(conn.LocalAddr()) + want[i+1:]
					}
				}
				heard := make([]byte, len(want)+1)
				if _, err := io.ReadFull(conn, heard); err != nil {
					t.Error(err)
				}
				if string(heard[:len(want)]) != want {
					t.Errorf("heard %q, want %q", heard[:len(want)], want)
				}
				got <- string(heard[len(want):])
			})
			_, err := probe.Leaf(within(t), probe.Target{Address: address, ProxyProtocol: tt.version})
			if err == nil {
				t.Error("got a certificate from a server that hangs up")
			}
			const handshakeRecord = "\x16"
			if next := <-got; next != handshakeRecord {
				t.Errorf("after the header came %q, want a ClientHello", next)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		target probe.Target
		want   string // empty: nothing is wrong
	}{
		{"host and port", probe.Target{Address: "localhost:https"}, ""},
		{"socket", probe.Target{Address: "unix:/run/s"}, ""},
		{"everything", probe.Target{Address: "[::1]:25", StartTLS: probe.SMTP, ProxyProtocol: 2, KeyAlgorithm: x509.Ed25519}, ""},
		{"nothing", probe.Target{}, "missing port"},
		{"no path", probe.Target{Address: "unix:"}, `no path after "unix:"`},
		{"unknown protocol", probe.Target{Address: "a:1", StartTLS: "imap"}, `starttls "imap" is not one of ["ldap" "mysql" "postgres" "smtp"]`},
		{"unknown version", probe.Target{Address: "a:1", ProxyProtocol: 3}, "proxy protocol version 3 is neither 1 nor 2"},
		{"unknown key", probe.Target{Address: "a:1", KeyAlgorithm: x509.DSA}, "cannot ask for a DSA key"},
	}
	for _, tt := range tests {
		err := tt.target.Validate()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
		if tt.want != "" {
			if _, leafErr := probe.Leaf(t.Context(), tt.target); leafErr == nil || !strings.Contains(leafErr.Error(), tt.want) {
				t.Errorf("%s: Leaf says %v", tt.name, leafErr)
			}
		}
	}
}
