// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/certagent/certagent/probe"
)

// step is one turn in a conversation before TLS: what the client has to send,
// then what the server says.
type step struct{ hear, say string }

// converse serves a conversation once for each connection, then TLS.
func converse(t *testing.T, network string, config *tls.Config, steps []step) (address string) {
	t.Helper()
	handle := func(conn net.Conn) {
		r := bufio.NewReader(conn)
		for _, s := range steps {
			heard := make([]byte, len(s.hear))
			if _, err := io.ReadFull(r, heard); err != nil || string(heard) != s.hear {
				t.Errorf("heard %q (%v), want %q", heard, err, s.hear)
				return
			}
			if _, err := io.WriteString(conn, s.say); err != nil {
				return
			}
		}
		if config != nil {
			_, _ = io.Copy(io.Discard, tls.Server(buffered{conn, r}, config))
		}
	}
	return listen(t, network, "127.0.0.1:0", handle)
}

type buffered struct {
	net.Conn
	r *bufio.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

// The messages as their documents write them, byte by byte.
const (
	sslRequest   = "\x00\x00\x00\x08\x04\xd2\x16\x2f"
	ldapRequest  = "\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
	mysqlRequest = "\x20\x00\x00\x01" + "\x00\x8a\x00\x00" + "\x00\x00\x00\x01" + "\x21" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	ehlo = "EHLO [127.0.0.1]\r\n"
)

// mysqlGreeting is a handshake packet of protocol version 10 with these lower
// capability flags.
func mysqlGreeting(lower string) string {
	payload := "\x0a8.0.36\x00" + "\x08\x00\x00\x00" + "abcdefgh" + "\x00" + lower + "\xff\x02\x00\xff\xc1\x15" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + "ijklmnopqrst\x00" + "mysql_native_password\x00"
	return string(rune(len(payload))) + "\x00\x00\x00" + payload
}

func TestStartTLS(t *testing.T) {
	t.Parallel()
	served := certificate(t, "served.test")
	tests := []struct {
		name     string
		startTLS probe.StartTLS
		network  string
		steps    []step
	}{
		{"postgres", probe.Postgres, "tcp", []step{{sslRequest, "S"}}},
		{"postgres on a socket", probe.Postgres, "unix", []step{{sslRequest, "S"}}},
		{"mysql", probe.MySQL, "tcp", []step{{"", mysqlGreeting("\xff\xff")}, {mysqlRequest, ""}}},
		{"smtp", probe.SMTP, "tcp", []step{
			{"", "220 mail.test ESMTP\r\n"},
			{ehlo, "250-mail.test\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 8BITMIME\r\n"},
			{"STARTTLS\r\n", "220 go ahead\r\n"},
		}},
		{"smtp with a long greeting and small letters", probe.SMTP, "tcp", []step{
			{"", "220-mail.test\r\n220-no spam, please\r\n220 ESMTP\r\n"}, {ehlo, "250-mail.test\r\n250 starttls\r\n"}, {"STARTTLS\r\n", "220 2.0.0\r\n"},
		}},
		{"smtp on a socket", probe.SMTP, "unix", []step{
			{"", "220 mail.test\r\n"}, {ehlo, "250-mail.test\r\n250 STARTTLS\r\n"}, {"STARTTLS\r\n", "220 go ahead\r\n"},
		}},
		{"ldap", probe.LDAP, "tcp", []step{{ldapRequest, "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"}}},
		{"ldap as Active Directory writes it, with the operation's name", probe.LDAP, "tcp", []step{{
			ldapRequest, "\x30\x84\x00\x00\x00\x28\x02\x01\x01\x78\x84\x00\x00\x00\x1f\x0a\x01\x00\x04\x00\x04\x00\x8a\x161.3.6.1.4.1.1466.20037",
		}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address := converse(t, tt.network, &tls.Config{Certificates: []tls.Certificate{served}}, tt.steps)
			got, err := probe.Leaf(within(t), probe.Target{Address: address, StartTLS: tt.startTLS})
			if err != nil {
				t.Fatal(err)
			}
			if !got.Equal(served.Leaf) {
				t.Errorf("got %v, want the served one", got.Subject)
			}
		})
	}
}

func TestStartTLSRefused(t *testing.T) {
	t.Parallel()
	greeting, offer := step{"", "220 mail.test ESMTP\r\n"}, step{ehlo, "250-mail.test\r\n250 STARTTLS\r\n"}
	tests := []struct {
		name     string
		startTLS probe.StartTLS
		steps    []step
		want     string
	}{
		{"postgres without TLS", probe.Postgres, []step{{sslRequest, "N"}}, `SSLRequest was answered with N; is ssl = on`},
		{
			"postgres with too many clients", probe.Postgres,
			[]step{{sslRequest, "E\x00\x00\x00\x29SFATAL\x00C53300\x00Mtoo many\x1b clients\x00\x00padding!!"}},
			`the server refuses TLS: "too many\x1b clients"`,
		},
		{"postgres with an old error", probe.Postgres, []step{{sslRequest, "E\x00\x00\x00\x08oops"}}, `"oops"`},
		{
			"postgres with a long story", probe.Postgres, []step{{sslRequest, "E\x00\x00\x01\x00" + strings.Repeat("x", 252)}},
			`"` + strings.Repeat("x", 200) + `…"`,
		},
		{"postgres with a false length", probe.Postgres, []step{{sslRequest, "E\xff\xff\xff\xff"}}, "an error that cannot be read"},
		{"postgres that hangs up", probe.Postgres, []step{{sslRequest, ""}}, "the server closed the connection"},
		{"no postgres", probe.Postgres, []step{{sslRequest, "HTTP/1.1 400"}}, `the server does not speak PostgreSQL's protocol`},
		{"mysql without TLS", probe.MySQL, []step{{"", mysqlGreeting("\xff\xf7")}}, "its greeting does not offer it"},
		{
			"mysql that has blocked us", probe.MySQL, []step{{"", "\x19\x00\x00\x00\xff\x69\x04Host 'x' is blocked \n\x07"}},
			`the server refuses TLS: error 1129: "Host 'x' is blocked \n\a"`,
		},
		{"mysql cut short", probe.MySQL, []step{{"", "\x08\x00\x00\x00\x0a8.0.36\x00"}}, "the server's greeting is cut short"},
		{"mysql of another century", probe.MySQL, []step{{"", "\x03\x00\x00\x00\x093."}}, "the server does not speak MySQL's protocol"},
		{"mysql that says nothing", probe.MySQL, []step{{"", "\x00\x00\x00\x00"}}, "the server does not speak MySQL's protocol"},
		{"no mysql", probe.MySQL, []step{{"", "SSH-2.0-OpenSSH_9.2\r\n"}}, "an answer of"},
		{"mysql that hangs up", probe.MySQL, nil, "the server closed the connection"},
		{"smtp without TLS", probe.SMTP, []step{greeting, {ehlo, "250-mail.test\r\n250 NOSTARTTLS\r\n"}}, "does not offer STARTTLS"},
		{"smtp of a host named STARTTLS", probe.SMTP, []step{greeting, {ehlo, "250 STARTTLS\r\n"}}, "does not offer STARTTLS"},
		{"smtp that is busy", probe.SMTP, []step{{"", "421 4.3.2 too many\r\n"}}, `the connection was answered with 421 "4.3.2 too many"`},
		{"smtp before EHLO", probe.SMTP, []step{greeting, {ehlo, "502 what?\r\n"}}, `EHLO [127.0.0.1] was answered with 502 "what?"`},
		{
			"smtp whose TLS is broken", probe.SMTP, []step{greeting, offer, {"STARTTLS\r\n", "454 TLS not available\x1b\r\n"}},
			`the server refuses TLS: STARTTLS was answered with 454 "TLS not available\x1b"`,
		},
		{
			"smtp with plain text after the answer", probe.SMTP, []step{greeting, offer, {"STARTTLS\r\n", "220 ready\r\n250 more\r\n"}},
			"sends plain text after its answer to STARTTLS",
		},
		{"smtp that hangs up", probe.SMTP, []step{greeting, offer, {"STARTTLS\r\n", ""}}, "the server closed the connection"},
		{"no smtp", probe.SMTP, []step{{"", "+OK POP3 ready\r\n"}}, "the server does not speak SMTP"},
		{
			"ldap without TLS", probe.LDAP, []step{{ldapRequest, "\x30\x19\x02\x01\x01\x78\x14\x0a\x01\x02\x04\x00\x04\x0dunsupported\x1b!"}},
			`the server refuses TLS: result 2 (it does not know StartTLS): "unsupported\x1b!"`,
		},
		{
			"ldap that disconnects", probe.LDAP,
			[]step{{ldapRequest, "\x30\x24\x02\x01\x00\x78\x1f\x0a\x01\x34\x04\x00\x04\x00\x8a\x161.3.6.1.4.1.1466.20036"}},
			`result 52 (it has no TLS now): ""`,
		},
		{"ldap with a huge answer", probe.LDAP, []step{{ldapRequest, "\x30\x88\x7f\xff\xff\xff\xff\xff\xff\xff"}}, "an answer of"},
		{"ldap with a length that wraps around", probe.LDAP, []step{{ldapRequest, "\x30\x89\x01\x00\x00\x00\x00\x00\x00\x00\x0c"}}, "an answer of"},
		{"ldap cut short", probe.LDAP, []step{{ldapRequest, "\x30\x0c\x02\x01"}}, "the server closed the connection"},
		{"ldap with another answer", probe.LDAP, []step{{ldapRequest, "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"}}, "does not speak LDAP"},
		{"ldap with elements that overlap", probe.LDAP, []step{{ldapRequest, "\x30\x0c\x02\x01\x01\x78\x7f\x0a\x01\x00\x04\x00\x04\x00"}}, "does not speak LDAP"},
		{"no ldap", probe.LDAP, []step{{ldapRequest, "E\x00"}}, "does not speak LDAP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address := converse(t, "tcp", nil, tt.steps)
			leaf, err := probe.Leaf(within(t), probe.Target{Address: address, StartTLS: tt.startTLS})
			if leaf != nil || err == nil || !strings.Contains(err.Error(), tt.want) ||
				!strings.Contains(err.Error(), `starttls "`+string(tt.startTLS)+`": `) {
				t.Errorf("got %v, %v, want: %s", leaf, err, tt.want)
			}
		})
	}
}

// A server that takes the request and says nothing.
func TestStartTLSEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	asked := make(chan struct{})
	address := serve(t, func(conn net.Conn) {
		_, _ = io.ReadFull(conn, make([]byte, len(sslRequest)))
		close(asked)
		_, _ = io.Copy(io.Discard, conn)
	})
	errPatience := errors.New("out of patience")
	go func() { <-asked; cancel(errPatience) }()
	_, err := probe.Leaf(ctx, probe.Target{Address: address, StartTLS: probe.Postgres})
	if !errors.Is(err, errPatience) {
		t.Errorf("got %v, want the context's cause", err)
	}
}
